//! The terminal: whether there is one that a bar can be drawn on, and whether it wants colours.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use indicatif::{MultiProgress, ProgressDrawTarget};

use crate::cli::LogOptions;

/// Where bars are drawn: nowhere without a terminal, on one that cannot move its cursor (`TERM=dumb`), and with `--quiet`.
#[must_use]
pub fn bars(options: &LogOptions) -> MultiProgress {
    if options.quiet || is_dumb_terminal() {
        return MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
    }
    MultiProgress::new()
}

/// Whether standard error wants colours.
#[must_use]
pub fn is_coloured() -> bool {
    wants_colours(io::stderr().is_terminal(), &|name| env::var_os(name))
}

/// How many columns the terminal of standard error has.
#[must_use]
pub fn columns() -> usize {
    window(io::stderr()).0
}

/// How many columns and rows a terminal has; 80 and 24, where it does not say.
#[must_use]
pub fn window(terminal: impl AsFd) -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(terminal).ok();
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    size.map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()))
}

/// Whether the terminal says that it cannot move its cursor.
#[must_use]
pub fn is_dumb_terminal() -> bool {
    is_dumb(&|name| env::var_os(name))
}

type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

fn is_dumb(variables: Variables<'_>) -> bool {
    variables("TERM").is_some_and(|term| term == "dumb")
}

/// By `NO_COLOR` (<https://no-color.org>), and by `CLICOLOR_FORCE` and `CLICOLOR` (<https://bixense.com/clicolors/>).
fn wants_colours(is_terminal: bool, variables: Variables<'_>) -> bool {
    if variables("NO_COLOR").is_some_and(|set| !set.is_empty()) {
        return false;
    }
    if variables("CLICOLOR_FORCE").is_some_and(|set| set != "0") {
        return true;
    }
    is_terminal && !is_dumb(variables) && variables("CLICOLOR").is_none_or(|set| set != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let wants = |is_terminal, set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
            wants_colours(is_terminal, &|name| {
                set.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
            })
        };
        assert!(wants(true, &[]) && !wants(false, &[]));
        assert!(!wants(true, &[("NO_COLOR", "1")]) && wants(true, &[("NO_COLOR", "")]));
        assert!(!wants(true, &[("TERM", "dumb")]) && wants(true, &[("TERM", "xterm")]));
        assert!(!wants(true, &[("CLICOLOR", "0")]) && wants(true, &[("CLICOLOR", "1")]));
        assert!(wants(false, &[("CLICOLOR_FORCE", "1")]) && !wants(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!wants(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
    }
}

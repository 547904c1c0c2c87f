//! `producer man`: the manual pages, made from the options themselves, one for each program and one for each command.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use clap::Command;
use clap_mangen::Man;
use common::exit::Exit;

use super::completions::of;
use crate::cli::{ManOptions, Program};

/// A page by its file's name.
type Page = (String, Vec<u8>);

/// Prints one page, or writes all.
pub fn man(options: &ManOptions) -> anyhow::Result<Exit> {
    let Some(folder) = &options.folder else {
        let (_, page) = page(of(options.program)).context("cannot make the page")?;
        io::stdout().write_all(&page).context("cannot write to standard output")?;
        return Ok(Exit::Complete);
    };
    write(folder).with_context(|| format!("cannot write the pages to {}", folder.display()))?;
    Ok(Exit::Complete)
}

fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for program in [Program::Producer, Program::Downloader] {
        let mut command = of(program).disable_help_subcommand(true);
        // Gives the commands their full names, and the options that all of them have.
        command.build();
        for (name, page) in pages(&command)? {
            fs::write(folder.join(name), page)?;
        }
    }
    Ok(())
}

/// The page of a command, and those of the commands below it.
fn pages(command: &Command) -> io::Result<Vec<Page>> {
    let mut all = vec![page(command.clone())?];
    for below in command.get_subcommands() {
        all.extend(pages(below)?);
    }
    Ok(all)
}

fn page(command: Command) -> io::Result<Page> {
    let version = concat!("Warren ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).source(version).manual("Warren");
    let mut page = Vec::new();
    man.render(&mut page)?;
    Ok((man.get_filename(), page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let mut command = of(Program::Producer).disable_help_subcommand(true);
        command.build();
        let names: Vec<String> = pages(&command).expect("in memory").into_iter().map(|(name, _)| name).collect();
        for name in ["producer.1", "producer-crawl.1", "producer-dead.1", "producer-dead-list.1", "producer-man.1"] {
            assert!(names.iter().any(|other| other == name), "{name} is not among {names:?}");
        }
    }
}

//! `producer completions`: what a shell needs to complete commands and options, made from the options themselves. For the
//! downloader too, which has no commands of its own that could print it.

use std::io::{self, Write};

use anyhow::Context;
use clap::CommandFactory;
use common::exit::Exit;

use crate::cli::{Cli, CompletionsOptions, Program};

/// Prints the script.
pub fn completions(options: &CompletionsOptions) -> anyhow::Result<Exit> {
    let mut command = of(options.program);
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    io::stdout().write_all(&script).context("cannot write to standard output")?;
    Ok(Exit::Complete)
}

/// A program's command line.
pub(super) fn of(program: Program) -> clap::Command {
    match program {
        Program::Producer => Cli::command(),
        Program::Downloader => downloader::cli::Cli::command(),
    }
}

//! `producer dead`: what no downloader could read, or survive.

mod letter;
mod list;
mod replay;

use std::io::{self, Write};

use anyhow::Context;
use common::exit::Exit;
use common::transport::Transport;
use common::transport::amqp::{Amqp, AmqpSettings, DeadLetters};
use serde_json::json;

use super::run::Session;
use crate::cli::{DeadCommand, DeadOptions, DeadPurgeOptions, OutputFormat};

const NO_OUTPUT: &str = "cannot write to standard output";

/// Lists, replays or removes dead letters. A signal ends it between two letters or in the middle of one: nothing is lost.
pub async fn dead(options: DeadOptions, session: Session) -> anyhow::Result<Exit> {
    let settings = AmqpSettings::new(&options.broker, "warren producer dead".to_owned())?;
    tokio::select! {
        done = work(settings, &options.command) => done.map(|()| Exit::Complete),
        () = session.shutdown.drain.cancelled() => Ok(Exit::Interrupted),
    }
}

async fn work(settings: AmqpSettings, command: &DeadCommand) -> anyhow::Result<()> {
    let amqp = Amqp::connect(settings).await?;
    let letters = amqp.dead_letters().await?;
    let transport = Transport::Amqp(amqp);
    match command {
        DeadCommand::List(options) => list::list(&letters, options).await?,
        DeadCommand::Replay(options) => replay::replay(&letters, &transport, options).await?,
        DeadCommand::Purge(options) => purge(&letters, options).await?,
    }
    letters.close().await;
    transport.close().await;
    Ok(())
}

async fn purge(letters: &DeadLetters, options: &DeadPurgeOptions) -> anyhow::Result<()> {
    let purged = match &options.run {
        None => letters.purge().await?,
        Some(run) => {
            let (mut purged, mut left) = (0, letters.waiting());
            // A last look behind the last letter, so that the broker has dealt with every removal.
            while let Some(letter) = letters.next().await?
                && left > 0
            {
                left -= 1;
                if letter::Reading::new(&letter).is_of(Some(run)) {
                    letters.remove(letter).await?;
                    purged += 1;
                }
            }
            purged
        }
    };
    let of = options.run.as_ref().map(|run| format!(" of run {run}")).unwrap_or_default();
    let text = match options.format {
        OutputFormat::Json => format!("{}\n", json!({"purged": purged})),
        OutputFormat::Text => format!("Removed {purged} dead letters{of}.\n"),
    };
    io::stdout().write_all(text.as_bytes()).context(NO_OUTPUT)
}

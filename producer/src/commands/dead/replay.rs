//! `producer dead replay`: gives dead letters to the downloaders again. A letter is removed only when the task queue has
//! it, so whatever breaks off the replay leaves it in one of the two queues, or in both; then its images come twice, which
//! everything behind the task queue bears.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::Context;
use common::run_name::RunName;
use common::transport::amqp::DeadLetters;
use common::transport::{Destination, Queue, Transport, TransportError};
use serde_json::json;

use super::letter::Reading;
use crate::cli::{DeadReplayOptions, OutputFormat};

/// Stands for the run of a letter that names none: a routing key that no run of ours has.
const NOBODY: &str = "-";

/// What was done.
#[derive(Debug, Default)]
struct Done {
    runs: BTreeMap<String, OfRun>,
    unreadable: u32,
}

#[derive(Debug, Default)]
struct OfRun {
    run: Option<RunName>,
    letters: u32,
    images: usize,
    awaited: bool,
}

/// Replays them, at most as many as there were: one that dies again at once is of the next replay.
pub(super) async fn replay(
    letters: &DeadLetters,
    transport: &Transport,
    options: &DeadReplayOptions,
) -> anyhow::Result<()> {
    let mut done = Done::default();
    let mut replayed = 0;
    let mut left = letters.waiting();
    while left > 0
        && replayed < options.limit.unwrap_or(u32::MAX)
        && let Some(letter) = letters.next().await?
    {
        left -= 1;
        let reading = Reading::new(&letter);
        if !reading.is_of(options.run.as_ref()) {
            continue;
        }
        if reading.batch.is_err() && !options.all {
            done.unreadable += 1;
            continue;
        }
        let run = reading.run.clone().or_else(|| NOBODY.parse().ok()).context("a run's name")?;
        transport.publish(Destination::Tasks(run), letter.body.clone()).await?;
        letters.remove(letter).await?;
        replayed += 1;
        let of_run = done.runs.entry(reading.run.as_ref().map(ToString::to_string).unwrap_or_default()).or_default();
        of_run.run = reading.run;
        of_run.letters += 1;
        of_run.images += reading.batch.map_or(0, |batch| batch.images);
    }
    done.ask_who_waits(transport).await?;
    let text = if options.format == OutputFormat::Json { done.json() } else { done.text() };
    io::stdout().write_all(text.as_bytes()).context(super::NO_OUTPUT)?;
    done.give_hints();
    Ok(())
}

impl Done {
    async fn ask_who_waits(&mut self, transport: &Transport) -> Result<(), TransportError> {
        for of_run in self.runs.values_mut() {
            if let Some(run) = &of_run.run {
                of_run.awaited = transport.exists(Queue::Replies(run.clone())).await?;
            }
        }
        Ok(())
    }

    fn sums(&self) -> (u32, usize) {
        let each = || self.runs.values();
        (each().map(|of_run| of_run.letters).sum(), each().map(|of_run| of_run.images).sum())
    }

    fn json(&self) -> String {
        let (letters, images) = self.sums();
        let runs: Vec<_> = self
            .runs
            .values()
            .map(|OfRun { run, letters, images, awaited }| {
                json!({"run": run, "replayed": letters, "images": images, "awaited": awaited})
            })
            .collect();
        format!("{:#}\n", json!({"replayed": letters, "images": images, "unreadable": self.unreadable, "runs": runs}))
    }

    fn text(&self) -> String {
        let (letters, images) = self.sums();
        let mut lines = vec![format!("Replayed {letters} dead letters with {images} images.")];
        lines.extend(self.runs.values().map(|OfRun { run, letters, images, awaited }| {
            let name = run.as_ref().map_or("-", RunName::as_str);
            let waits = if *awaited { "its replies are awaited" } else { "nobody waits for its replies" };
            format!("  {name}: {letters} letters, {images} images; {waits}")
        }));
        if self.unreadable > 0 {
            lines.push(format!("{} letters that this build cannot read stay where they are.", self.unreadable));
        }
        lines.join("\n") + "\n"
    }

    fn give_hints(&self) {
        for run in self.runs.values().filter(|of_run| !of_run.awaited).filter_map(|of_run| of_run.run.as_ref()) {
            eprintln!(
                "run {run} is over or was given up, so the downloaders drop its images; hint: `producer retry {run} \
                 --reason dead-lettered` tries them again"
            );
        }
        if self.unreadable > 0 {
            eprintln!(
                "{} letters cannot be read; hint: `producer dead list` says why, --all replays them too (for downloaders of \
                 another version), `producer dead purge` removes them",
                self.unreadable
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_be_named() {
        assert!(NOBODY.parse::<RunName>().is_ok());
    }

    #[test]
    fn text_and_json_say_the_same() {
        let run: RunName = "r".parse().expect("valid");
        let of_run = OfRun { run: Some(run), letters: 2, images: 70, awaited: true };
        let done = Done { runs: BTreeMap::from([("r".to_owned(), of_run)]), unreadable: 1 };
        let text = done.text();
        assert!(text.contains("Replayed 2 dead letters with 70 images") && text.contains("r: 2 letters"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&done.json()).expect("JSON");
        assert_eq!((&json["replayed"], &json["images"], &json["unreadable"]), (&json!(2), &json!(70), &json!(1)));
        assert_eq!(json["runs"][0], json!({"run": "r", "replayed": 2, "images": 70, "awaited": true}));
    }
}

//! `producer status --watch`: how things stand, again and again, on one connection. A broker that is away is no reason to end:
//! the runs are shown meanwhile, and it is asked again.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime};

use common::chain::Chain;
use common::exit::Exit;
use common::shutdown::Shutdown;
use common::telemetry;
use common::transport::amqp::{Amqp, AmqpSettings};
use common::transport::{Transport, TransportError};
use tokio::time::{sleep, timeout};

use super::runs::Run;
use super::{fill_in, json, runs, text, waiting};
use crate::cli::{OutputFormat, StatusOptions};
use crate::fleet::Fleet;

/// Longest wait for the broker, before what is known without it is shown.
const BROKER: Duration = Duration::from_secs(4);

/// Shortest pause between two looks: they ask every downloader.
const SHORTEST: Duration = Duration::from_millis(100);

/// What the broker came to say.
enum Said {
    Fleet(Fleet),
    Trouble(TransportError),
    Nothing,
}

/// Shows it until told to end.
pub(super) async fn watch(
    options: &StatusOptions,
    settings: AmqpSettings,
    interval: Duration,
    shutdown: &Shutdown,
) -> anyhow::Result<Exit> {
    let interval = interval.max(SHORTEST);
    let mut screen = Screen::new(interval);
    let mut transport = None;
    loop {
        let mut runs = runs(options)?;
        let said = tokio::select! {
            said = ask(options, &settings, &mut transport, &runs) => said,
            () = shutdown.drain.cancelled() => break,
        };
        if let Some(Said::Fleet(fleet)) = &said {
            fill_in(&mut runs, fleet);
        }
        if screen.show(options.format, &runs, said).is_err() {
            // Nobody looks any more.
            break;
        }
        tokio::select! {
            () = sleep(interval) => {}
            () = shutdown.drain.cancelled() => break,
        }
    }
    Ok(Exit::Complete)
}

/// Asks the broker on the connection that there is, or a new one; `None` where it is not to be asked.
async fn ask(
    options: &StatusOptions,
    settings: &AmqpSettings,
    transport: &mut Option<Transport>,
    runs: &[Run],
) -> Option<Said> {
    if options.offline {
        return None;
    }
    let names = waiting(runs);
    let asking = async {
        let connected = match transport.take() {
            Some(connected) => connected,
            None => Transport::Amqp(Amqp::connect(settings.clone()).await?),
        };
        // Kept unless it failed; one that does not answer finds its way back by itself.
        let connected = &*transport.insert(connected);
        Fleet::ask(connected, &names).await
    };
    match timeout(BROKER, asking).await {
        Ok(Ok(fleet)) => Some(Said::Fleet(fleet)),
        Ok(Err(error)) => {
            *transport = None;
            Some(Said::Trouble(error))
        }
        Err(_) => Some(Said::Nothing),
    }
}

/// Where it is shown.
struct Screen {
    interval: Duration,
    /// Whether each look takes the place of the one before.
    in_place: bool,
    is_first: bool,
}

impl Screen {
    fn new(interval: Duration) -> Self {
        let in_place = io::stdout().is_terminal() && !telemetry::is_dumb_terminal();
        Self { interval, in_place, is_first: true }
    }

    fn show(&mut self, format: OutputFormat, runs: &[Run], said: Option<Said>) -> io::Result<()> {
        let (broker, note) = match said {
            None => (None, None),
            Some(Said::Fleet(fleet)) => (Some(Ok(fleet)), None),
            Some(Said::Trouble(error)) => {
                let note = format!("{} (asking again)", Chain(&error));
                (Some(Err(error)), Some(note))
            }
            Some(Said::Nothing) => (None, Some("\nThe broker does not answer; asking again.".to_owned())),
        };
        let mut out = io::stdout().lock();
        if format == OutputFormat::Json {
            let mut shown = json::as_json(runs, broker.as_ref());
            if let Some(note) = note.filter(|_| broker.is_none()) {
                shown["broker"] = serde_json::json!({"reachable": false, "error": note.trim()});
            }
            writeln!(out, "{shown}")?;
            return out.flush();
        }
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        let every = humantime::format_duration(self.interval);
        let mut block = format!("{now}, every {every}\n\n{}", text::as_text(runs, broker.as_ref()));
        if let Some(note) = note {
            block.push_str(&note);
            block.push('\n');
        }
        if self.in_place {
            block = redrawn(&block, telemetry::window(io::stdout()), self.is_first);
        } else if !self.is_first {
            block.insert(0, '\n');
        }
        self.is_first = false;
        out.write_all(block.as_bytes())?;
        out.flush()
    }
}

/// A block over the one before: the cursor goes home and what is left of each line, and of the screen, is cleared behind what is
/// new. So nothing flickers. What has no room is left out.
fn redrawn(block: &str, (columns, rows): (usize, usize), is_first: bool) -> String {
    let lines: Vec<&str> = block.lines().collect();
    let room = rows.saturating_sub(1).max(1);
    let hidden = lines.len().saturating_sub(room);
    let shown = if hidden > 0 { room.saturating_sub(1) } else { lines.len() };
    let mut drawn = String::from(if is_first { "\x1b[2J\x1b[H" } else { "\x1b[H" });
    for line in &lines[..shown] {
        drawn.extend(line.chars().take(columns));
        drawn.push_str("\x1b[K\n");
    }
    if hidden > 0 {
        drawn.extend(["... ", &(hidden + 1).to_string(), " lines more\x1b[K\n"]);
    }
    drawn.push_str("\x1b[J");
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_drawn_over_the_one_before() {
        assert_eq!(redrawn("ab\ncd\n", (80, 24), true), "\x1b[2J\x1b[Hab\x1b[K\ncd\x1b[K\n\x1b[J");
        assert_eq!(redrawn("abc\n", (2, 24), false), "\x1b[Hab\x1b[K\n\x1b[J");
    }

    #[test]
    fn what_has_no_room_is_counted() {
        assert_eq!(
            redrawn("1\n2\n3\n4\n5\n", (80, 4), false),
            "\x1b[H1\x1b[K\n2\x1b[K\n... 3 lines more\x1b[K\n\x1b[J"
        );
    }
}

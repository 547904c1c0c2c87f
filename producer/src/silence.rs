//! How long nothing has been heard of the images that are out: what `--timeout` is measured by. The time during which the
//! broker took no messages (it was short of memory or disk) is not silence: nobody could have said anything.

use std::time::Duration;

use tokio::time::Instant;

/// The clock of what is awaited.
#[derive(Debug)]
pub struct Silence {
    /// When the last outcome came, or the first image went out.
    reply: Instant,
    /// When a worker last said anything of this run.
    sign: Instant,
    blocked_since: Option<Instant>,
}

impl Silence {
    /// Begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { reply: now, sign: now, blocked_since: None }
    }

    /// Nothing was awaited until now.
    pub fn begin(&mut self, now: Instant) {
        (self.reply, self.sign) = (now, now);
    }

    /// An outcome came.
    pub fn reply(&mut self, now: Instant) {
        self.begin(now);
    }

    /// A worker showed that it is at work.
    pub fn sign(&mut self, now: Instant) {
        self.sign = now;
    }

    /// Whether the broker takes messages at the moment. Says whether that has changed.
    pub fn set_blocked(&mut self, blocked: bool, now: Instant) -> bool {
        match (self.blocked_since, blocked) {
            (None, true) => self.blocked_since = Some(now),
            (Some(since), false) => {
                self.blocked_since = None;
                // What came meanwhile came after the beginning of the pause, and is not moved beyond now.
                self.reply = (self.reply + (now - since)).min(now);
                self.sign = (self.sign + (now - since)).min(now);
            }
            _ => return false,
        }
        true
    }

    /// Whether the broker takes no messages.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// How long no outcome came.
    #[must_use]
    pub fn since_reply(&self, now: Instant) -> Duration {
        self.blocked_since.unwrap_or(now).saturating_duration_since(self.reply)
    }

    /// How long nothing at all came.
    #[must_use]
    pub fn since_sign(&self, now: Instant) -> Duration {
        self.blocked_since.unwrap_or(now).saturating_duration_since(self.sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_nobody_can_speak_is_not_silence() {
        let second = Duration::from_secs(1);
        let begun = Instant::now();
        let mut silence = Silence::new(begun);
        assert!(silence.set_blocked(true, begun + second));
        assert!(!silence.set_blocked(true, begun + second * 2), "no news");
        assert_eq!(silence.since_reply(begun + second * 60), second);
        assert!(silence.set_blocked(false, begun + second * 60));
        assert_eq!(silence.since_reply(begun + second * 60), second);
        assert_eq!(silence.since_sign(begun + second * 62), second * 3);
    }

    #[test]
    fn a_reply_during_a_pause_counts_from_its_end_at_the_latest() {
        let second = Duration::from_secs(1);
        let begun = Instant::now();
        let mut silence = Silence::new(begun);
        silence.set_blocked(true, begun);
        silence.reply(begun + second * 5);
        assert_eq!(silence.since_reply(begun + second * 9), Duration::ZERO);
        silence.set_blocked(false, begun + second * 10);
        assert_eq!(silence.since_reply(begun + second * 11), second);
    }
}

//! What a seed stands for: the pauses between the frames, and what is killed when.
//! It kills nothing.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The pause before a frame: 24 of them take about three seconds.
const PAUSE: u64 = 240;
/// From the first frame until the last message has been told, in an undisturbed run on a slow machine.
const RUN: u64 = 7_000;
/// Messages on NATS (publishes, entries, acknowledgements) in an undisturbed run.
const STEPS: usize = 106;
/// Milliseconds behind the step at which a kill is aimed: a write to disk takes about as long.
const BEHIND: u64 = 6;
/// What is killed stays away for at most so many milliseconds.
const AWAY: u64 = 500;

/// Who is killed, all at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// The server.
    pub nats: bool,
    /// Notifiers, by their place.
    pub notifiers: Vec<usize>,
}

/// The moment of a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after the first frame.
    At(Duration),
    /// So long after so many messages have gone over NATS: work is dense there, and time is not.
    Step(usize, Duration),
}

/// One kill, and the restart behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// When.
    pub moment: Moment,
    /// Who.
    pub targets: Targets,
    /// For how long.
    pub away: Duration,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Before each frame.
    pub pauses: Vec<Duration>,
    /// In order; none before the one before it is over.
    pub kills: Vec<Kill>,
}

impl Plan {
    /// The same for the same seed, always.
    #[must_use]
    pub fn of(seed: u64, frames: usize) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let pauses = (0..frames).map(|_| millis(&mut dice, PAUSE)).collect();
        let count = if dice.random_bool(0.5) { 2 } else { 1 };
        let kills = (0..count).map(|_| kill(&mut dice)).collect();
        Self { pauses, kills }
    }

    /// NATS is away from before the first frame until after the last one.
    #[must_use]
    pub fn without_nats(frames: usize) -> Self {
        let undisturbed = Self::undisturbed(frames);
        let all: Duration = undisturbed.pauses.iter().sum();
        let server = Targets {
            nats: true,
            notifiers: Vec::new(),
        };
        let kill = Kill {
            moment: Moment::At(Duration::ZERO),
            targets: server,
            away: all + Duration::from_millis(AWAY),
        };
        Self {
            kills: vec![kill],
            ..undisturbed
        }
    }

    /// Nothing is killed.
    #[must_use]
    pub fn undisturbed(frames: usize) -> Self {
        Self {
            kills: Vec::new(),
            ..Self::of(0, frames)
        }
    }
}

fn millis(dice: &mut StdRng, most: u64) -> Duration {
    Duration::from_millis(dice.random_range(0..=most))
}

fn kill(dice: &mut StdRng) -> Kill {
    let (nats, notifiers) = match dice.random_range(0..6) {
        0 => (false, vec![0]),
        1 => (false, vec![1]),
        2 => (true, vec![]),
        3 => (true, vec![0]),
        4 => (true, vec![0, 1]),
        _ => (false, vec![0, 1]),
    };
    let moment = if dice.random_bool(0.4) {
        Moment::At(millis(dice, RUN))
    } else {
        let step = dice.random_range(1..=STEPS);
        Moment::Step(step, millis(dice, BEHIND))
    };
    Kill {
        moment,
        targets: Targets { nats, notifiers },
        away: millis(dice, AWAY),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kills
            .iter()
            .try_for_each(|kill| writeln!(f, "killed: {kill}"))
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notifiers = self
            .notifiers
            .iter()
            .map(|it| format!("notifier {}", it + 1));
        let nats = self.nats.then(|| "NATS".to_owned());
        let all: Vec<String> = nats.into_iter().chain(notifiers).collect();
        f.write_str(&all.join(" and "))
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kill {
            moment,
            targets,
            away,
        } = self;
        match moment {
            Moment::At(at) => write!(f, "{targets} at {at:?}, away for {away:?}"),
            Moment::Step(step, behind) => {
                write!(
                    f,
                    "{targets} {behind:?} after step {step}, away for {away:?}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Plan};

    #[test]
    fn a_seed_is_one_plan_and_twenty_seeds_hit_everything() {
        assert_eq!(Plan::of(7, 24), Plan::of(7, 24));
        let kills: Vec<_> = (1..=20).flat_map(|seed| Plan::of(seed, 24).kills).collect();
        let hit = |check: &dyn Fn(&super::Kill) -> bool| kills.iter().any(check);
        assert!(hit(
            &|kill| kill.targets.nats && kill.targets.notifiers.is_empty()
        ));
        assert!(hit(
            &|kill| kill.targets.nats && !kill.targets.notifiers.is_empty()
        ));
        assert!(hit(
            &|kill| !kill.targets.nats && kill.targets.notifiers.len() == 1
        ));
        assert!(hit(
            &|kill| !kill.targets.nats && kill.targets.notifiers.len() == 2
        ));
        assert!(hit(&|kill| matches!(kill.moment, Moment::At(_))));
        assert!(hit(&|kill| matches!(kill.moment, Moment::Step(..))));
    }
}

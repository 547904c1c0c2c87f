//! What the programs tell of themselves while they work: [`logs`] for people and collectors of logs, and spans, by which one
//! image can be followed from its page to its file. A span has a place in a tree ([`Place`]), images of a message take theirs
//! along ([`Places`]), [`Sampler`] says which images are followed, a [`Trail`] makes the spans of one, and [`otlp`] sends them to
//! a collector.

mod bars;
mod identity;
mod json;
pub mod logs;
pub mod otlp;
mod place;
mod places;
mod sampler;
mod trail;

pub use bars::{bars, columns, is_coloured, is_dumb_terminal, window};
pub use identity::identify;
pub use logs::{LogFormat, start};
pub use otlp::{Otlp, OtlpSettings, Tracing};
pub use place::Place;
pub use places::Places;
pub use sampler::Sampler;
pub use trail::{Step, Trail};

//! The way of one image, or page, through a program: each part of it is a [`Step`], a span that ends when it is dropped, however
//! that comes about. Of what is not followed there is nothing here: neither allocated, nor reckoned, nor read off a clock.

use std::time::{Instant, SystemTime};

use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::otlp::Otlp;
use super::place::Place;

/// Longest text of an attribute, in bytes: strangers write them.
const MAX_TEXT: usize = 2 << 10;

/// Where the steps of an image hang, and where they go; nothing for an image that is not followed.
#[derive(Debug, Clone, Default)]
pub struct Trail(Option<Box<Hanging>>);

#[derive(Debug, Clone)]
struct Hanging {
    otlp: Otlp,
    place: Place,
}

impl Trail {
    /// Of what is not followed.
    pub const NONE: Self = Self(None);

    pub(super) fn new(otlp: Otlp, place: Place) -> Self {
        Self(Some(Box::new(Hanging { otlp, place })))
    }

    /// Where its steps hang, if it is followed.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.0.as_deref().map(|hanging| hanging.place)
    }

    /// Begins a step.
    #[must_use]
    pub fn step(&self, name: &'static str) -> Step {
        let Some(hanging) = self.0.as_deref() else { return Step(None) };
        Step::begin(hanging.otlp.clone(), name, hanging.place.beside(), hanging.place.span, SystemTime::now())
    }

    /// A step that began before, and ends when it is dropped or as [`Step::ends`] says.
    #[must_use]
    pub fn step_from(&self, name: &'static str, began: SystemTime) -> Step {
        let mut step = self.step(name);
        if let Some(open) = step.0.as_deref_mut() {
            open.began = began;
        }
        step
    }
}

/// A span that is open.
#[derive(Debug, Default)]
pub struct Step(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    otlp: Otlp,
    name: &'static str,
    place: Place,
    parent: SpanId,
    began: SystemTime,
    ended: Option<SystemTime>,
    /// When [`Open::began`] was set; the system's own clock may be put back meanwhile.
    clock: (SystemTime, Instant),
    attributes: Vec<KeyValue>,
    status: Status,
}

impl Step {
    /// Of what is not followed.
    pub const NONE: Self = Self(None);

    pub(super) fn begin(otlp: Otlp, name: &'static str, place: Place, parent: SpanId, began: SystemTime) -> Self {
        let clock = (SystemTime::now(), Instant::now());
        Self(Some(Box::new(Open {
            otlp,
            name,
            place,
            parent,
            began,
            ended: None,
            clock,
            attributes: Vec::new(),
            status: Status::Unset,
        })))
    }

    /// What hangs below it.
    #[must_use]
    pub fn trail(&self) -> Trail {
        let Some(open) = self.0.as_deref() else { return Trail::NONE };
        Trail::new(open.otlp.clone(), open.place)
    }

    /// Whether anybody will see it: for what is dear to find out.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.0.is_some()
    }

    /// Notes something of it. Numbers as they are, texts as far as they are short enough.
    pub fn note(&mut self, key: &'static str, value: impl Into<Value>) {
        let Some(open) = self.0.as_deref_mut() else { return };
        let value = match value.into() {
            Value::String(text) if text.as_str().len() > MAX_TEXT => {
                let text = text.as_str();
                Value::from(text[..text.floor_char_boundary(MAX_TEXT)].to_owned())
            }
            value => value,
        };
        open.attributes.push(KeyValue::new(key, value));
    }

    /// Notes a text where there is one; it is copied only for those who see it.
    pub fn note_text(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text.filter(|_| self.is_seen()) {
            self.note(key, text.to_owned());
        }
    }

    /// Notes a number where there is one.
    pub fn note_number(&mut self, key: &'static str, number: Option<impl TryInto<i64>>) {
        if let Some(number) = number.and_then(|number| number.try_into().ok()) {
            self.note(key, number);
        }
    }

    /// It came to nothing, for this reason: a short word.
    pub fn failed(&mut self, reason: &str) {
        if let Some(open) = self.0.as_deref_mut() {
            open.status = Status::error(reason.to_owned());
            open.attributes.push(KeyValue::new("error.type", reason.to_owned()));
        }
    }

    /// It was over at this moment, whenever it is dropped.
    pub fn ends(&mut self, ended: SystemTime) {
        if let Some(open) = self.0.as_deref_mut() {
            open.ended = Some(ended);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let (set, clock) = self.clock;
        let end_time = self.ended.unwrap_or_else(|| set + clock.elapsed()).max(self.began);
        let span = SpanData {
            span_context: SpanContext::new(
                self.place.trace,
                self.place.span,
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: self.parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: self.name.into(),
            start_time: self.began,
            end_time,
            attributes: std::mem::take(&mut self.attributes),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: std::mem::take(&mut self.status),
            instrumentation_scope: InstrumentationScope::builder("warren").build(),
        };
        self.otlp.send(span);
    }
}

//! What building the tree costs: charges for it token by token. It sits between html5ever's tokenizer and its tree builder,
//! and changes nothing that passes; `noscript` tags it tells the walk.
//!
//! html5ever has no limit of its own, and nearly all it does for a tag is a walk over its stack of open elements or its
//! list of active formatting elements: nested markup costs the square of its size (servo/html5ever#788). Asking
//! the tree builder itself how long they are is exact, where counting start and end tags in the text would be
//! fooled by the tags that the standard closes, ignores, moves or opens again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{Tracer, TreeBuilder, TreeBuilderOpts};
use html5ever::{LocalName, local_name};

use super::Truncated;
use super::budget::Budget;
use super::sink::{Node, Sink};
use super::walk::Walk;

/// What any token costs, in steps. How many one takes was measured with pages of 2 MB that are
/// all of one kind, so that none takes much longer than its charge.
const TOKEN: usize = 16;

/// Elements open at once in ordinary pages, whose links have attributes too.
const SHALLOW: usize = 32;

/// Text is handed on as it comes, up to this many pieces in a row: the tokenizer makes two of each line, and in a `table` the
/// tree builder keeps all of them until the next tag.
const TEXTS: usize = 256;

/// Further ones are put together first, up to this many bytes.
const TEXT: usize = 64 << 10;

type Handle = Rc<Node>;

/// How the tokenizer reads what follows the last tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// As markup.
    Markup,
    /// As text up to the end tag of this name (`title`, `style`, ...).
    Raw(LocalName),
    /// As a script, which its end tag may or may not end (the standard's "script data double escaped state").
    Script(LocalName),
    /// As text up to the end of the page (`plaintext`).
    Plain,
}

/// The tree builder with its meter.
pub(super) struct Meter<'w, 'a> {
    builder: TreeBuilder<Handle, Sink<'w, 'a>>,
    budget: Rc<Budget>,
    depth: usize,
    mode: RefCell<Mode>,
    /// A tag, comment or doctype came since `start_piece`.
    closed: Cell<bool>,
    /// The last text since `start_piece` ended in `>`.
    in_text: Cell<bool>,
    open: Cell<usize>,
    /// Pieces of text since the last token of another kind.
    texts: Cell<usize>,
    /// Text that is still to be handed on.
    text: RefCell<StrTendril>,
    /// Attributes on all `html` and `body` tags: every further such tag adds its own to those of the first.
    merged: Cell<usize>,
}

impl<'w, 'a> Meter<'w, 'a> {
    pub(super) fn new(walk: &'w mut Walk<'a>) -> Self {
        // The standard's scripting flag is off for a reader that runs no scripts: `noscript` holds elements, not text.
        let options = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
        let (budget, depth) = (Rc::clone(&walk.found.budget), walk.options.limits.depth);
        Self {
            builder: TreeBuilder::new(Sink::new(walk), options),
            budget,
            depth,
            mode: RefCell::new(Mode::Markup),
            closed: Cell::new(false),
            in_text: Cell::new(false),
            open: Cell::new(0),
            texts: Cell::new(0),
            text: RefCell::default(),
            merged: Cell::new(0),
        }
    }

    /// Forgets what the last piece of text did.
    pub(super) fn start_piece(&self) {
        self.closed.set(false);
        self.in_text.set(false);
    }

    /// Whether the piece ended a tag, a comment or a doctype.
    pub(super) fn closed(&self) -> bool {
        self.closed.get()
    }

    /// Whether the piece's last `>` was text.
    pub(super) fn in_text(&self) -> bool {
        self.in_text.get()
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode.borrow().clone()
    }

    /// Whether there is no use in going on.
    pub(super) fn is_over(&self) -> bool {
        self.budget.stopped().is_some() || self.builder.sink.walk.borrow().again.is_some()
    }

    fn add_text(&self, text: StrTendril, line: u64) {
        self.in_text.set(text.ends_with('>'));
        self.texts.set(self.texts.get() + 1);
        if self.texts.get() <= TEXTS {
            return self.hand_on(text, line);
        }
        self.text.borrow_mut().push_tendril(&text);
        if self.text.borrow().len() >= TEXT {
            self.end_text(line);
        }
    }

    /// What a text does, it does before whatever follows it.
    fn end_text(&self, line: u64) {
        let text = self.text.take();
        if !text.is_empty() {
            self.hand_on(text, line);
        }
    }

    fn hand_on(&self, text: StrTendril, line: u64) {
        self.budget.charge(TOKEN + self.open.get() / 8 + text.len() / 16);
        // The tree builder only ever goes on after text.
        drop(self.builder.process_token(Token::CharacterTokens(text), line));
    }

    fn after_tag(&self, kind: TagKind, name: &LocalName, attributes: usize, result: &TokenSinkResult<Handle>) {
        *self.mode.borrow_mut() = match result {
            TokenSinkResult::RawData(RawKind::ScriptData | RawKind::ScriptDataEscaped(_)) => Mode::Script(name.clone()),
            TokenSinkResult::RawData(_) => Mode::Raw(name.clone()),
            TokenSinkResult::Plaintext => Mode::Plain,
            TokenSinkResult::Continue | TokenSinkResult::Script(_) | TokenSinkResult::EncodingIndicator(_) => {
                Mode::Markup
            }
        };
        self.closed.set(true);
        // An end tag opens nothing that was not open.
        if kind == TagKind::StartTag {
            self.open.set(OpenElements::count(&self.builder));
            if self.open.get() > self.depth {
                self.budget.stop(Truncated::Depth);
            }
        }
        let open = self.open.get();
        let mut merged = 0;
        if matches!(*name, local_name!("html") | local_name!("body")) {
            merged = self.merged.get() + attributes;
            self.merged.set(merged);
        }
        // A formatting element is compared with the active ones, and its attributes are sorted each time.
        let compared = if is_formatting(name) { open.saturating_sub(SHALLOW) * attributes * 8 } else { 0 };
        self.budget.charge(TOKEN + 2 * open + compared + merged);
    }
}

/// The standard's formatting elements (13.2.4.2).
fn is_formatting(name: &LocalName) -> bool {
    let names = ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
    names.contains(&&**name)
}

impl TokenSink for Meter<'_, '_> {
    type Handle = Handle;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<Handle> {
        // What follows the cut in the tokenizer's queue is cut too.
        if self.is_over() {
            return TokenSinkResult::Continue;
        }
        let token = match token {
            Token::CharacterTokens(text) => {
                self.add_text(text, line);
                return TokenSinkResult::Continue;
            }
            other => other,
        };
        // It says of what was read before; the tree builder does nothing with it.
        if let Token::ParseError(_) = token {
            self.budget.charge(TOKEN);
            return TokenSinkResult::Continue;
        }
        self.texts.set(0);
        self.end_text(line);
        match token {
            Token::TagToken(Tag { kind, ref name, ref attrs, .. }) => {
                let (name, attributes) = (name.clone(), attrs.len());
                // Not by the tree: in `head`, the first image in it ends the element, but not the words of its author.
                if name == local_name!("noscript") {
                    self.builder.sink.walk.borrow_mut().noscript = kind == TagKind::StartTag;
                }
                let result = self.builder.process_token(token, line);
                self.after_tag(kind, &name, attributes, &result);
                result
            }
            Token::CommentToken(_) | Token::DoctypeToken(_) => {
                self.closed.set(true);
                self.budget.charge(TOKEN);
                self.builder.process_token(token, line)
            }
            Token::NullCharacterToken => {
                self.budget.charge(TOKEN);
                self.builder.process_token(token, line)
            }
            Token::EOFToken | Token::CharacterTokens(_) | Token::ParseError(_) => {
                self.builder.process_token(token, line)
            }
        }
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// Counts what the tree builder holds: the open and the active formatting elements, and up to three besides (the
/// document, `head`, the current `form`).
struct OpenElements {
    count: Cell<usize>,
}

impl OpenElements {
    fn count(builder: &TreeBuilder<Handle, Sink<'_, '_>>) -> usize {
        let tracer = Self { count: Cell::new(0) };
        builder.trace_handles(&tracer);
        tracer.count.get()
    }
}

impl Tracer for OpenElements {
    type Handle = Handle;

    fn trace_handle(&self, _: &Handle) {
        self.count.set(self.count.get() + 1);
    }
}

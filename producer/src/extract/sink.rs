//! The tree that html5ever builds, without the tree: an element is handed to the walk when it is put in its place, and lives
//! as long as the parser holds it open. Nobody asks for children, so nothing is kept of them.
//!
//! What the parser moves afterwards (the standard's "adoption agency") stays where it was first put: the words around an
//! image would change there only on pages that are broken between a link and its image.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use html5ever::tendril::StrTendril;
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, QualName, local_name, ns};

use super::element::Element;
use super::scope::Scope;
use super::walk::Walk;

/// The sink of one parser.
pub(super) struct Sink<'w, 'a> {
    pub(super) walk: RefCell<&'w mut Walk<'a>>,
    document: Rc<Node>,
    /// Stands for everything that is no element.
    nothing: Rc<Node>,
}

/// An element that the parser holds.
#[derive(Debug)]
pub(super) struct Node {
    name: QualName,
    /// Until it has its place.
    attributes: RefCell<Vec<Attribute>>,
    annotation: bool,
    placed: Cell<bool>,
    outer: OnceCell<Rc<Scope>>,
    inner: OnceCell<Rc<Scope>>,
}

impl Node {
    fn new(name: QualName, attributes: Vec<Attribute>, annotation: bool) -> Rc<Self> {
        Rc::new(Self {
            name,
            attributes: RefCell::new(attributes),
            annotation,
            placed: Cell::new(false),
            outer: OnceCell::new(),
            inner: OnceCell::new(),
        })
    }
}

impl<'w, 'a> Sink<'w, 'a> {
    pub(super) fn new(walk: &'w mut Walk<'a>) -> Self {
        let unnamed = || Node::new(QualName::new(None, ns!(), local_name!("")), Vec::new(), false);
        let (document, nothing) = (unnamed(), unnamed());
        document.inner.get_or_init(Rc::default);
        Self { walk: RefCell::new(walk), document, nothing }
    }

    /// The scope of what is in `node`.
    fn inner<'b>(&'b self, node: &'b Node) -> &'b Rc<Scope> {
        node.inner.get().unwrap_or_else(|| self.document.inner.get_or_init(Rc::default))
    }

    /// The scope in which `node` stands.
    fn outer<'b>(&'b self, node: &'b Node) -> &'b Rc<Scope> {
        node.outer.get().unwrap_or_else(|| self.document.inner.get_or_init(Rc::default))
    }

    fn put(&self, child: &NodeOrText<Rc<Node>>, outer: &Rc<Scope>) {
        match child {
            NodeOrText::AppendText(text) => {
                if outer.text.is_wanted() {
                    self.walk.borrow_mut().text(text, outer);
                }
            }
            NodeOrText::AppendNode(node) if Rc::ptr_eq(node, &self.nothing) => {}
            NodeOrText::AppendNode(node) => {
                node.placed.set(true);
                if node.outer.set(Rc::clone(outer)).is_ok() {
                    let attributes = node.attributes.take();
                    let element = Element { name: &node.name, attributes: &attributes };
                    let inner = self.walk.borrow_mut().open(&element, outer);
                    node.inner.get_or_init(|| inner);
                }
            }
        }
    }
}

impl TreeSink for Sink<'_, '_> {
    type Handle = Rc<Node>;
    type Output = ();
    type ElemName<'b>
        = &'b QualName
    where
        Self: 'b;

    fn finish(self) {}

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Rc<Node> {
        Rc::clone(&self.document)
    }

    fn elem_name<'b>(&'b self, target: &'b Rc<Node>) -> &'b QualName {
        &target.name
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> Rc<Node> {
        // The parser may open hundreds of elements again for one tag.
        self.walk.borrow().found.budget.charge(CREATED);
        Node::new(name, attributes, flags.mathml_annotation_xml_integration_point)
    }

    fn create_comment(&self, _: StrTendril) -> Rc<Node> {
        Rc::clone(&self.nothing)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Rc<Node> {
        Rc::clone(&self.nothing)
    }

    fn append(&self, parent: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.put(&child, self.inner(parent));
    }

    fn append_based_on_parent_node(&self, element: &Rc<Node>, previous: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        let scope = if element.placed.get() { self.outer(element) } else { self.inner(previous) };
        self.put(&child, scope);
    }

    fn append_before_sibling(&self, sibling: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.put(&child, self.outer(sibling));
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn get_template_contents(&self, target: &Rc<Node>) -> Rc<Node> {
        Rc::clone(target)
    }

    fn same_node(&self, one: &Rc<Node>, other: &Rc<Node>) -> bool {
        Rc::ptr_eq(one, other)
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    /// A second `html` or `body` tag: what it adds to the first counts as if it had stood there.
    fn add_attrs_if_missing(&self, target: &Rc<Node>, attributes: Vec<Attribute>) {
        let element = Element { name: &target.name, attributes: &attributes };
        self.walk.borrow_mut().open(&element, self.outer(target));
    }

    fn remove_from_parent(&self, target: &Rc<Node>) {
        target.placed.set(false);
    }

    fn reparent_children(&self, _: &Rc<Node>, _: &Rc<Node>) {}

    fn is_mathml_annotation_xml_integration_point(&self, target: &Rc<Node>) -> bool {
        target.annotation
    }
}

/// What an element costs beside its tag, in steps.
const CREATED: usize = 8;

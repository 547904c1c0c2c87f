//! XHTML and SVG: well-formed XML in, elements to the walk. It does not read DTDs and knows no entities but XML's own; a page
//! that has others, or that is not well-formed, is left to the HTML parser, which reads anything.

use std::rc::Rc;

use html5ever::tendril::StrTendril;
use html5ever::{Attribute, LocalName, Namespace, QualName, local_name, ns};
use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesPI, BytesRef, BytesStart, Event};
use quick_xml::name::{QName, ResolveResult};

use super::Truncated;
use super::element::Element;
use super::scope::Scope;
use super::walk::Walk;

/// What an event costs, in steps.
const EVENT: usize = 16;

const XHTML: &str = "http://www.w3.org/1999/xhtml";
const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";

/// It is no XML that we can read; the walk is of no use any more.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not well-formed XML")]
pub(super) struct NotXml;

/// Parses `text`. Where it passes a limit it ends, and the walk's budget says why.
pub(super) fn parse(text: &str, walk: &mut Walk<'_>) -> Result<(), NotXml> {
    let mut reader = NsReader::from_str(text);
    let root = Rc::new(Scope::default());
    let mut open: Vec<Open> = Vec::new();
    let mut elements = 0_usize;
    loop {
        walk.found.budget.charge(EVENT);
        if walk.found.budget.stopped().is_some() || walk.again.is_some() {
            return Ok(());
        }
        let event = reader.read_event().map_err(|_| NotXml)?;
        let outer = open.last().map_or(&root, |element| &element.inner);
        match event {
            Event::Start(tag) => {
                let element = begin(&reader, &tag, outer, walk)?;
                elements += 1;
                open.push(element);
                if open.len() > walk.options.limits.depth {
                    walk.found.budget.stop(Truncated::Depth);
                }
            }
            Event::Empty(tag) => {
                let element = begin(&reader, &tag, outer, walk)?;
                elements += 1;
                end(&element, walk);
            }
            // The reader checks that the names agree.
            Event::End(_) => open.pop().iter().for_each(|element| end(element, walk)),
            Event::Text(text) => {
                if outer.text.is_wanted() {
                    walk.text(&text.xml10_content(), outer);
                }
            }
            Event::CData(text) => {
                if outer.text.is_wanted() {
                    walk.text(&text.into_inner(), outer);
                }
            }
            Event::GeneralRef(name) => reference(&name, outer, walk)?,
            Event::Eof if open.is_empty() && elements > 0 => return Ok(()),
            Event::Eof => return Err(NotXml),
            Event::PI(instruction) => style_sheet(&instruction, walk),
            Event::Comment(_) | Event::Decl(_) | Event::DocType(_) => {}
        }
    }
}

/// An element that is open.
struct Open {
    inner: Rc<Scope>,
    is_noscript: bool,
}

fn begin(
    reader: &NsReader<&[u8]>,
    tag: &BytesStart<'_>,
    outer: &Rc<Scope>,
    walk: &mut Walk<'_>,
) -> Result<Open, NotXml> {
    let name = qualified(reader, tag.name(), true);
    let mut attributes = Vec::new();
    // The reader's own check compares each attribute with all before it.
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| NotXml)?;
        if attributes.len() == walk.options.limits.attributes {
            walk.found.budget.stop(Truncated::Attributes);
            break;
        }
        let value = attribute.normalized_value_with(XmlVersion::Implicit1_0, 1, resolve_predefined_entity);
        let value = StrTendril::from(&*value.map_err(|_| NotXml)?);
        attributes.push(Attribute { name: qualified(reader, attribute.key, false), value });
    }
    walk.found.budget.charge(EVENT * attributes.len());
    let is_noscript = name.ns == ns!(html) && name.local == local_name!("noscript");
    walk.noscript |= is_noscript;
    let inner = walk.open(&Element { name: &name, attributes: &attributes }, outer);
    Ok(Open { inner, is_noscript })
}

fn end(element: &Open, walk: &mut Walk<'_>) {
    if element.is_noscript {
        walk.noscript = false;
    }
    if matches!(element.inner.text, super::scope::Text::Block) {
        walk.end_block();
    }
}

/// The name in html5ever's words. `html` and `svg` without a namespace are what their authors meant.
fn qualified(reader: &NsReader<&[u8]>, name: QName<'_>, is_element: bool) -> QualName {
    let resolver = reader.resolver();
    let (namespace, local) = if is_element { resolver.resolve_element(name) } else { resolver.resolve_attribute(name) };
    let local = LocalName::from(local.into_inner());
    let namespace: Namespace = match namespace {
        ResolveResult::Bound(namespace) => match namespace.into_inner() {
            XHTML => ns!(html),
            SVG => ns!(svg),
            XLINK => ns!(xlink),
            // What we do not know has no meaning to us, and no name that a page could have the world remember.
            _ => ns!(xml),
        },
        ResolveResult::Unbound if is_element => unbound(&local),
        ResolveResult::Unbound => ns!(),
        ResolveResult::Unknown(prefix) if prefix == "xlink" => ns!(xlink),
        ResolveResult::Unknown(_) => ns!(xml),
    };
    QualName::new(None, namespace, local)
}

fn unbound(local: &LocalName) -> Namespace {
    match &**local {
        "svg" | "image" | "use" | "feImage" => ns!(svg),
        _ => ns!(html),
    }
}

/// `<?xml-stylesheet href="..."?>` (W3C, Associating Style Sheets with XML documents 1.0).
fn style_sheet(instruction: &BytesPI<'_>, walk: &mut Walk<'_>) {
    if instruction.target() != "xml-stylesheet" {
        return;
    }
    let mut attributes = instruction.attributes();
    let href = attributes.with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == "href");
    if let Some(url) = href.and_then(|href| walk.found.resolve(&crate::entities::decode(&href.value))) {
        walk.found.style_sheet(url);
    }
}

fn reference(name: &BytesRef<'_>, outer: &Scope, walk: &mut Walk<'_>) -> Result<(), NotXml> {
    if let Some(c) = name.resolve_char_ref().map_err(|_| NotXml)? {
        walk.text(c.encode_utf8(&mut [0; 4]), outer);
        return Ok(());
    }
    // XHTML pages use HTML's, which their document type declares somewhere else. Between words none of them matters much; in an
    // address it would, and there it is not XML.
    walk.text(resolve_predefined_entity(name).unwrap_or(" "), outer);
    Ok(())
}

#[cfg(test)]
mod tests;

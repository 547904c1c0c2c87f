//! Pages that are made to cost much, by name. Each is a beginning and a unit that is repeated up to the wanted length.

/// A hostile page.
pub(crate) struct Page {
    /// What is wrong with it.
    pub(crate) name: &'static str,
    /// Its header.
    pub(crate) content_type: &'static str,
    head: fn() -> Vec<u8>,
    unit: fn(usize) -> Vec<u8>,
    tail: &'static str,
}

impl Page {
    /// The page, of this length or a little less.
    pub(crate) fn bytes(&self, length: usize) -> Vec<u8> {
        let mut page = Vec::with_capacity(length);
        page.extend((self.head)());
        for number in 0.. {
            let unit = (self.unit)(number);
            if page.len() + unit.len() + self.tail.len() > length {
                break;
            }
            page.extend(unit);
        }
        page.extend(self.tail.bytes());
        page
    }
}

macro_rules! page {
    ($name:literal, $unit:expr) => {
        page!($name, "text/html", String::new(), $unit, "")
    };
    ($name:literal, $head:expr, $unit:expr) => {
        page!($name, "text/html", $head, $unit, "")
    };
    ($name:literal, $type:literal, $head:expr, $unit:expr, $tail:literal) => {
        Page { name: $name, content_type: $type, head: || $head.into(), unit: $unit, tail: $tail }
    };
}

/// As bytes, whatever it is.
fn b(text: impl Into<Vec<u8>>) -> Vec<u8> {
    text.into()
}

/// So many different ones.
fn many(count: usize, unit: impl Fn(usize) -> String) -> String {
    (0..count).map(unit).collect::<Vec<_>>().concat()
}

const XHTML: &str = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>";

/// All of them.
pub(crate) const PAGES: &[Page] = &[
    // Nesting
    page!("nested div", |_| b("<div>")),
    page!("nested ul li", |_| b("<ul><li>")),
    page!("nested b", |_| b("<b>")),
    page!("nested font", |n| b(format!("<font size={n}>"))),
    page!("nested a div", |n| b(format!("<a href={n}><div>"))),
    page!("nested table", |_| b("<table><tr><td>")),
    page!("nested svg", |_| b("<svg><g>")),
    page!("nested math", |_| b("<math><mi>")),
    page!("nested template", |_| b("<template>")),
    page!("nested figure", |_| b("<figure><figcaption>x")),
    page!("nested picture", |_| b("<picture><source srcset=a>")),
    page!("b and p", |_| b("<b><p>")),
    page!("b closed by p", |_| b("<b><p></b>")),
    page!("unknown end tags under 400 div", "<div>".repeat(400), |_| b("</x>")),
    page!("p under 500 div", "<div>".repeat(500), |_| b("<p>")),
    page!("fonts opened again", many(300, |n| format!("<font size={n}>")) + "</p>", |_| b("<p>x</p>")),
    page!(
        "styled fonts opened again",
        many(300, |n| format!("<font size={n} style='background:url({n})'>")) + "</p>",
        |_| b("<p>x</p>")
    ),
    page!("lines in a table", "<table>", |_| b("\n")),
    page!("bytes and lines in a table", "<table>", |_| b(*b"\n\x80")),
    page!("words in a frameset", "<frameset>", |_| b("a ")),
    page!("text in a table", "<table>", |_| b("<b>x")),
    page!("images in a table", "<table>", |n| b(format!("<img src={n}>"))),
    page!("end tags of formatting", "<a><b><i><p>", |_| b("</a></b></i><b><i><a href=x><div>")),
    page!("frames", "<frameset>", |n| b(format!("<frame src={n}>"))),
    page!("select", "<select>", |_| b("<option>x")),
    page!("nested select", |_| b("<select><optgroup>")),
    page!("headings and buttons", |_| b("<h1><button>")),
    page!("nobr", |_| b("<nobr><p>")),
    page!("foreign and back", |_| b("<svg><foreignObject><p>")),
    page!("ruby", |_| b("<ruby><rt>")),
    page!("dd and dt", |_| b("<dl><dd><dt>")),
    // Flat
    page!("p", |_| b("<p>")),
    page!("br", |_| b("<br>")),
    page!("closed div", |_| b("<div></div>")),
    page!("different tags", |n| b(format!("<x{n}>"))),
    page!("different attributes", |n| b(format!("<p a{n}>"))),
    page!("links", |n| b(format!("<a href={n}>"))),
    page!("closed links", |n| b(format!("<a href={n}></a>"))),
    page!("links to parts", |n| b(format!("<a href=#{n}></a>"))),
    page!("images", |n| b(format!("<img src={n}>"))),
    page!("images with alt", |n| b(format!("<img src={n} alt='the words for image number {n}'>"))),
    page!("one image", |_| b("<img src=a>")),
    page!("image links", |n| b(format!("<a href={n}.png></a>"))),
    page!("links under a long base", format!("<base href='http://h/{}/'>", "a".repeat(8_000)), |n| b(format!(
        "<a href={n}></a>"
    ))),
    page!("images under a long base", format!("<base href='http://h/{}/'>", "a/".repeat(4_000)), |n| b(format!(
        "<img src={n}>"
    ))),
    page!("upward links under a long base", format!("<base href='http://h/{}/'>", "a/".repeat(4_000)), |n| b(format!(
        "<img src='../../../{n}'>"
    ))),
    page!("a late base", "text/html", String::new(), |n| b(format!("<img src={n}>")), "<base href=/x/>"),
    page!("bases", |n| b(format!("<base href={n}>"))),
    page!("meta", |n| b(format!("<meta name=n{n} content=c>"))),
    page!("og:image", |n| b(format!("<meta property=og:image content={n}>"))),
    page!("style sheets", |n| b(format!("<link rel=stylesheet href={n}>"))),
    page!("icons", |n| b(format!("<link rel=icon href={n}>"))),
    page!("refresh", |n| b(format!("<meta http-equiv=refresh content='0;url={n}'>"))),
    page!("lazy", |n| b(format!("<img data-src=/{n} data-srcset='a/{n} 1x' data-bg=b/{n} data-full=c/{n}.png>"))),
    page!("noscript", |n| b(format!("<noscript><img src={n}></noscript>"))),
    page!("sources", "<picture>", |n| b(format!("<source srcset={n}>"))),
    page!("descriptions", |n| b(format!("<img src={n} aria-describedby=i{n}>"))),
    page!("descriptions and texts", |n| b(format!("<img src={n} aria-describedby=i{n}><p id=i{n}>words</p>"))),
    page!("figures", |n| b(format!("<figure><img src={n}><figcaption>words of it</figcaption></figure>"))),
    page!("captions of a captioned", format!("<figure><figcaption>{}</figcaption>", "x".repeat(2_000)), |n| b(
        format!("<img src={n}>")
    )),
    page!("captions of bytes", |n| {
        let mut unit = b(format!("<figure><img src={n}><figcaption>"));
        unit.extend([0x80; 390]);
        unit.extend(b"</figcaption></figure>");
        unit
    }),
    page!("titles of links", format!("<a title='{}'>", "x".repeat(2_000)), |n| b(format!("<img src={n}>"))),
    page!("links with titles", |n| b(format!("<a title={n}><b>x</b></a>"))),
    page!("svg images", |n| b(format!("<svg><title>x</title><image href={n} /></svg>"))),
    // Attributes
    page!("attributes of one tag", "<p", |n| b(format!(" a{n}"))),
    page!("attributes of many tags", |_| b(format!("<p{}>", many(900, |a| format!(" a{a}"))))),
    page!("attributes of b", |n| b(format!("<b{}>", many(90, |a| format!(" a{a}={n}"))))),
    page!("attributes of body", |n| b(format!("<body a{n}>"))),
    page!("a long attribute", "<img alt='", |_| b("words ")),
    page!("a long attribute of bytes", "<img src=a alt='", |_| vec![0x80]),
    page!("a long address", "<img src='", |_| b("a/")),
    page!("a long address that ends", "text/html", "<img src='", |_| b("../"), "'>"),
    page!("a long srcset", "text/html", "<img srcset='", |_| b("a, "), "'>"),
    page!("a srcset of different images", "text/html", "<img srcset='", |n| b(format!("a{n} {}w, ", n + 1)), "'>"),
    page!("a srcset of descriptors", "text/html", "<img srcset='a ", |_| b("1w "), "'>"),
    page!("a srcset of parentheses", "text/html", "<img srcset='a ", |_| b("(("), "'>"),
    page!("a srcset of commas", "text/html", "<img srcset='", |_| b(","), "'>"),
    page!("a long style", "text/html", "<p style='", |n| b(format!("a:url({n});")), "'>"),
    page!("styles", |n| b(format!("<p style='a:url({n})'>"))),
    page!("a long class", "text/html", "<p class='", |_| b("figure "), "'>"),
    page!("a long rel", "text/html", "<a href=x rel='", |_| b("x "), "'>"),
    page!("a long itemprop", "text/html", "<meta content=x itemprop='", |_| b("image "), "'>"),
    page!("lazy attributes of one kind", |n| b(format!("<div data-bg='{}url({n})'>", "url(".repeat(20)))),
    page!("data", |n| b(format!("<img src='data:image/png,{n}{}'>", "x".repeat(1_000)))),
    page!("small data", |n| b(format!("<img src='data:image/png,{n}'>"))),
    page!("long data", "text/html", "<img src='data:image/png;base64,", |_| b("AAAA"), "'>"),
    page!("escaped data", "text/html", "<img src='data:image/png,", |_| b("%41"), "'>"),
    page!("data of parameters", "text/html", "<img src='data:image/png", |_| b(";a=b"), ",x'>"),
    page!("a long refresh", "text/html", "<meta http-equiv=refresh content='0", |_| b(" "), "'>"),
    // Text
    page!("text", |_| b("words ")),
    page!("text of bytes", |_| vec![0x80]),
    page!("nothing but NUL", |_| vec![0]),
    page!("NUL in tags", |_| b("<p\0 a\0=\0>\0")),
    page!("less than", |_| b("<")),
    page!("greater than", |_| b(">")),
    page!("ampersands", |_| b("&")),
    page!("entities", |_| b("&amp;&notit;&#x41;")),
    page!("new lines", |_| b("\r\n\r")),
    page!("comment", "<!--", |_| b("-!>")),
    page!("comments", |_| b("<!---->")),
    page!("doctypes", |_| b("<!doctype x>")),
    page!("a script", "<script>", |_| b("if (a<b) { ")),
    page!("scripts", |_| b("<script></script>")),
    page!("a hidden script", "<script><!--<script>", |_| b("</script ")),
    page!("a style", "<style>", |n| b(format!("a{{b:url({n})}}"))),
    page!("small styles", |n| b(format!("<style>a{{b:url({n})}}</style>"))),
    page!("a style of functions", "<style>", |_| b("a(")),
    page!("a style of blocks", "<style>", |_| b("a{")),
    page!("a style of escapes", "<style>a:url(", |_| b("\\61 ")),
    page!("a style of imports", "<style>", |n| b(format!("@import '{n}';"))),
    page!("linked data", "<script type=application/ld+json>{\"image\":[", |n| b(format!("\"{n}\","))),
    page!("linked data of brackets", "<script type=application/ld+json>", |_| b("[")),
    page!("linked data of braces", "<script type=application/ld+json>", |_| b("{\"image\":")),
    page!("linked data of empties", "<script type=application/ld+json>[", |_| b("[],")),
    page!("linked data of objects", "<script type=application/ld+json>[", |n| b(format!(
        "{{\"image\":{{\"url\":\"{n}\",\"caption\":\"c\"}}}},"
    ))),
    page!("small linked data", |n| b(format!("<script type=application/ld+json>{{\"image\":\"{n}\"}}</script>"))),
    page!("title", "<title>", |_| b("</titl ")),
    page!("textarea", "<textarea>", |_| b("<p>")),
    page!("plaintext", "<plaintext>", |_| b("<p>")),
    page!("CDATA", "<svg><![CDATA[", |_| b("]]")),
    // Pages in pages
    page!("srcdoc", |n| b(format!("<iframe srcdoc='<img src={n}>'></iframe>"))),
    page!("a long srcdoc", "text/html", "<iframe srcdoc='", |n| b(format!("<img src={n}>")), "'>"),
    page!("a long srcdoc of b", "text/html", "<iframe srcdoc='", |_| b("<b>"), "'>"),
    page!("a srcdoc of bytes", "text/html", "<iframe srcdoc='<p a=", |_| vec![0x80], "'>"),
    page!(
        "a srcdoc of a srcdoc of bytes",
        "text/html",
        "<iframe srcdoc='<iframe srcdoc=\"<p a=",
        |_| vec![0x80],
        "\">'>"
    ),
    // Encodings
    page!("UTF-16 that is none", "text/html; charset=utf-16le", String::new(), |_| b("<p>"), ""),
    page!("UTF-8 that is none", "text/html; charset=utf-8", String::new(), |_| vec![0xc3], ""),
    page!("GB18030", "text/html; charset=gb18030", String::new(), |_| vec![0x81, 0x30], ""),
    page!("ISO-2022-JP", "text/html; charset=iso-2022-jp", String::new(), |_| b("\x1b$B\x1b(B"), ""),
    page!("replacement", "text/html; charset=iso-2022-kr", String::new(), |_| b("<p>"), ""),
    page!("halfwidth", "text/html; charset=shift_jis", String::new(), |_| vec![0xb1], ""),
    // XML
    page!("XML: nested", "application/xhtml+xml", XHTML, |_| b("<p>"), ""),
    page!("XML: images", "application/xhtml+xml", XHTML, |n| b(format!("<img src='{n}'/>")), "</html>"),
    page!("XML: images, unclosed", "application/xhtml+xml", XHTML, |n| b(format!("<img src='{n}'/>")), ""),
    page!("XML: attributes", "application/xhtml+xml", format!("{XHTML}<p"), |n| b(format!(" a{n}=''")), "/></html>"),
    page!("XML: one attribute", "application/xhtml+xml", format!("{XHTML}<p"), |_| b(" a=''"), "/></html>"),
    page!(
        "XML: many attributes",
        "application/xhtml+xml",
        XHTML,
        |_| b(format!("<p{}/>", " a=''".repeat(999))),
        "</html>"
    ),
    page!(
        "XML: namespaces",
        "application/xhtml+xml",
        format!("{XHTML}<p"),
        |n| b(format!(" xmlns:a{n}='b'")),
        "/></html>"
    ),
    page!(
        "XML: namespaces and names",
        "application/xhtml+xml",
        XHTML,
        |n| b(format!("<a{n}:b xmlns:a{n}='x'/>")),
        "</html>"
    ),
    page!("XML: entities", "application/xhtml+xml", XHTML, |_| b("&amp;"), "</html>"),
    page!(
        "XML: laughter",
        "application/xhtml+xml",
        "<!DOCTYPE h [<!ENTITY a 'ha'>",
        |n| b(format!("<!ENTITY a{n} '&a;&a;'>")),
        "]><html>&a9;</html>"
    ),
    page!(
        "XML: base at the end",
        "application/xhtml+xml",
        XHTML,
        |n| b(format!("<img src='{n}'/>")),
        "<base href='/x/'/></html"
    ),
    page!("XML: CDATA", "application/xhtml+xml", format!("{XHTML}<style><![CDATA["), |_| b("]]"), "]]></style></html>"),
    page!("SVG: nested", "image/svg+xml", "<svg>", |_| b("<g>"), ""),
    page!("SVG: images", "image/svg+xml", "<svg>", |n| b(format!("<image href='{n}'/>")), "</svg>"),
    // Style sheets
    page!("CSS: addresses", "text/css", String::new(), |n| b(format!("a{{b:url({n})}}")), ""),
    page!("CSS: blocks", "text/css", String::new(), |_| b("{"), ""),
    page!("CSS: imports", "text/css", String::new(), |n| b(format!("@import '{n}';")), ""),
    page!("CSS: a string", "text/css", "a: url('", |_| b("\\a"), "')"),
];

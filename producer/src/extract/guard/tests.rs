//! Hostile pages: each must be cut, keep what stood before, and lose nothing where there is no reason to cut.

use super::*;

/// The number of `img` in the document, and where it was cut.
fn images(html: &str, limits: &Limits) -> (usize, Option<Truncated>) {
    let (document, truncated) = parse(html, limits);
    let elements = document.tree.values().filter_map(|node| node.as_element());
    (elements.filter(|element| element.name() == "img").count(), truncated)
}

/// An image, `unit` many times, an image.
fn around(unit: &str, times: usize) -> String {
    format!("<body><img src=before>{}<img src=after>", unit.repeat(times))
}

#[test]
fn nesting_is_cut() {
    let limits = Limits { depth: 100, ..Limits::default() };
    let units = [
        "<div>",
        "<ul><li>",
        "<b>",
        "<font size=1>",
        "<a><div>",
        "<table><td>",
        "<svg>",
        "<svg><g>",
        "<math><mi>",
        "<template>",
        "<select><div>",
        "<object>",
        "<div></x>",
        "<div></p>",
        "<!--</div>--><div>",
        "<p><object>",
        "<div title='</div>'>",
        "<svg><foreignObject><div></svg>",
        "<div><style></div></style>",
        "<unknown>",
        "<ruby><rt>",
    ];
    for unit in units {
        assert_eq!(images(&around(unit, 2_000), &limits), (1, Some(Truncated::Depth)), "{unit}");
    }
}

#[test]
fn flat_pages_are_not_cut() {
    let limits = Limits { depth: 40, ..Limits::default() };
    let units = [
        "<p>",
        "<b><p>",
        "<li>",
        "<dt><dd>",
        "<option>",
        "<br>",
        "<img>",
        "<div></div>",
        "</div>",
        "</x>",
        "<div/></div>",
        "<b></b>",
        "<a>",
        "<script>'<div>'</script>",
        "<style><div></style>",
        "<title><div></title>",
        "<textarea><div></textarea>",
        "<!--<div>-->",
        "<i title='<div>'></i>",
        "<svg><g/></svg>",
        "<table><tr><td></table>",
        "<input>",
        "\0",
        "&",
        "<",
        "</",
        "<!",
        "<?x>",
    ];
    for unit in units {
        let (found, truncated) = images(&around(unit, 1_000), &limits);
        assert!(truncated.is_none(), "{unit}: {truncated:?}");
        assert!(found > 0, "{unit}");
    }
}

#[test]
fn depth_at_the_limit() {
    // html, body and the parser's own handles for the document and `head` are open beside the elements.
    let limits = Limits { depth: 20, ..Limits::default() };
    for (divs, truncated) in [(15, None), (16, None), (17, Some(Truncated::Depth))] {
        assert_eq!(parse(&"<div>".repeat(divs), &limits).1, truncated, "{divs}");
    }
}

#[test]
fn attributes_at_the_limit() {
    let limits = Limits { attributes: 10, ..Limits::default() };
    for (count, truncated) in [(9, None), (10, None), (11, Some(Truncated::Attributes))] {
        for form in [" a", " a=1", " a='>'", " a = \"x > y\"", "/a", " a=''", "\n a=b'c"] {
            let tag = format!("<img><p{}><img>", form.repeat(count));
            let expected = if truncated.is_some() { 1 } else { 2 };
            assert_eq!(images(&tag, &limits), (expected, truncated), "{tag}");
        }
    }
}

#[test]
fn no_disguise_hides_attributes() {
    let limits = Limits { attributes: 10, ..Limits::default() };
    let disguises = [
        "<!--><p",
        "<!-- <x a='--><p",
        "<svg><style><p",
        "<svg><![CDATA[<x a=']]><p",
        "<![CDATA[<x a='><p",
        "<style><x a='</style><p",
        "<style><!--</style><p",
        "<script></script",
        "<script><!--<script></script a='></script></script",
        "<title>&gt;</title",
        "<script><!--<script></script a='</script></script",
        "<frameset><style><p",
        "</",
        "</p",
        "<p a='>' b=\">\"",
        "<svg><foreignObject><div></svg></div></foreignObject><style><p",
        "<!doctype a '><p",
        "<noscript><!--</noscript>--><p",
        "<title><!--</title><p",
        "</><p",
        "<textarea></textarea",
        "<><p",
        "&gt<p",
        "<xmp></xmp",
    ];
    for disguise in disguises {
        let bomb = format!("{disguise}{}>", " a".repeat(50));
        let hidden = disguise == "</";
        assert_eq!(parse(&bomb, &limits).1, (!hidden).then_some(Truncated::Attributes), "{disguise}");
    }
}

#[test]
fn long_texts_are_no_attributes() {
    let limits = Limits { attributes: 10, ..Limits::default() };
    let words = "a b/c = 'd' ".repeat(50);
    let harmless = [
        format!("<!-- <p {words}> -->"),
        format!("<script>if (a<b) {{ {words} }}</script>"),
        format!("<script><!-- <script>{words}</script> > {words} --></script>"),
        format!("<style>{words}</style><title><p {words}></title><textarea></p {words}></textarea>"),
        format!("<p title=\"{words}\">{words}< {words}>"),
        format!("<svg><![CDATA[{words}>{words}]]></svg>"),
        format!("<img src='data:image/png;base64,{}'>", "AA/".repeat(1_000)),
        format!("<plaintext><p {words}>"),
    ];
    for html in harmless {
        assert_eq!(parse(&html, &limits).1, None, "{html}");
    }
}

#[test]
fn nodes_at_the_limit() {
    // document, html, head, body and the elements.
    for (extra, truncated) in [(5, None), (6, None), (7, Some(Truncated::Nodes))] {
        let limits = Limits { nodes: 10, ..Limits::default() };
        assert_eq!(parse(&"<br>".repeat(extra), &limits).1, truncated, "{extra}");
    }
    // A few bytes make the parser open 300 formatting elements again.
    let fonts = (0..300).map(|n| format!("<font size={n}>")).collect::<Vec<_>>().concat();
    let bomb = format!("<img><p>{fonts}</p>{}", "<p>x</p>".repeat(1_000));
    let limits = Limits { nodes: 20_000, ..Limits::default() };
    assert_eq!(images(&bomb, &limits), (1, Some(Truncated::Nodes)));
}

#[test]
fn work_at_the_limit() {
    let html = "<div>".repeat(30) + &"<p>".repeat(100);
    let enough = (1..100_000).find(|work| parse(&html, &Limits { work: *work * 16, ..Limits::default() }).1.is_none());
    let work = enough.expect("a limit that is high enough") * 16;
    let least = (work - 16..=work).find(|work| parse(&html, &Limits { work: *work, ..Limits::default() }).1.is_none());
    let least = least.expect("the exact limit");
    for (work, truncated) in [(least - 1, Some(Truncated::Work)), (least, None), (least + 1, None)] {
        assert_eq!(parse(&html, &Limits { work, ..Limits::default() }).1, truncated);
    }
}

#[test]
fn costly_pages_are_cut() {
    let limits = Limits { work: 200_000, ..Limits::default() };
    let deep = "<div>".repeat(500);
    let merged = (0..1_000).map(|n| format!("<body a{n}>")).collect::<Vec<_>>().concat();
    let compared = (0..50)
        .map(|n| format!("<b{}>", (0..100).map(|a| format!(" a{a}={n}")).collect::<Vec<_>>().concat()))
        .collect::<Vec<_>>()
        .concat();
    for (name, bomb) in [
        ("p", deep.clone() + &"<p>".repeat(5_000)),
        ("x", deep + &"</x>".repeat(5_000)),
        ("body", merged),
        ("b", compared),
    ] {
        let (found, truncated) = images(&format!("<body><img>{bomb}<img>"), &limits);
        assert_eq!((found, truncated), (1, Some(Truncated::Work)), "{name}");
    }
}

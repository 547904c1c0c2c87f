//! Hostile pages: each must be cut, keep what stood before, and lose nothing where there is no reason to cut.

use url::Url;

use super::super::budget::Budget;
use super::super::{Limits, Options};
use super::*;

/// The number of images, and where the page was cut.
fn images(html: &str, limits: &Limits) -> (usize, Option<Truncated>) {
    let options = Options { limits: limits.clone(), ..Options::default() };
    let address = Url::parse("http://h/").expect("a URL");
    let budget = Rc::new(Budget::new(limits));
    let mut walk = Walk::new(&address, None, &options, Rc::clone(&budget));
    parse(&html.into(), &mut walk);
    (walk.finish().images.len(), budget.stopped())
}

fn cut(html: &str, limits: &Limits) -> Option<Truncated> {
    images(html, limits).1
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
        assert_eq!(cut(&"<div>".repeat(divs), &limits), truncated, "{divs}");
    }
}

#[test]
fn attributes_at_the_limit() {
    let limits = Limits { attributes: 10, ..Limits::default() };
    for (count, truncated) in [(9, None), (10, None), (11, Some(Truncated::Attributes))] {
        for form in [" a", " a=1", " a='>'", " a = \"x > y\"", "/a", " a=''", "\n a=b'c"] {
            let tag = format!("<img src=1><p{}><img src=2>", form.repeat(count));
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
        assert_eq!(cut(&bomb, &limits), (!hidden).then_some(Truncated::Attributes), "{disguise}");
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
        assert_eq!(cut(&html, &limits), None, "{html}");
    }
}

#[test]
fn elements_that_are_opened_again_cost_work() {
    // A few bytes make the parser open 300 formatting elements again.
    let fonts = (0..300).map(|n| format!("<font size={n}>")).collect::<Vec<_>>().concat();
    let bomb = format!("<img src=1><p>{fonts}</p>{}<img src=2>", "<p>x</p>".repeat(1_000));
    let limits = Limits { work: 2_400_000, ..Limits::default() };
    assert_eq!(images(&bomb, &limits), (1, Some(Truncated::Work)));
}

#[test]
fn work_at_the_limit() {
    let html = "<div>".repeat(30) + &"<p>".repeat(100);
    let enough = (1..100_000).find(|work| cut(&html, &Limits { work: *work * 16, ..Limits::default() }).is_none());
    let work = enough.expect("a limit that is high enough") * 16;
    let least = (work - 16..=work).find(|work| cut(&html, &Limits { work: *work, ..Limits::default() }).is_none());
    let least = least.expect("the exact limit");
    for (work, truncated) in [(least - 1, Some(Truncated::Work)), (least, None), (least + 1, None)] {
        assert_eq!(cut(&html, &Limits { work, ..Limits::default() }), truncated);
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
        let (found, truncated) = images(&format!("<body><img src=1>{bomb}<img src=2>"), &limits);
        assert_eq!((found, truncated), (1, Some(Truncated::Work)), "{name}");
    }
}

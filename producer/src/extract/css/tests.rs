//! Style sheets as sites write them, as nobody should, and as an enemy would.

use std::time::{Duration, Instant};

use super::*;

fn images(css: &str) -> Vec<String> {
    let found = urls(css, &Limits::default());
    assert!(!found.cut, "{css}");
    found.images
}

#[test]
fn every_form_of_an_image() {
    let cases: [(&str, &[&str]); 27] = [
        ("a{background:url(a.png)}", &["a.png"]),
        ("a{background:url( 'a.png' )}", &["a.png"]),
        ("a{background:url(\"a b.png\") no-repeat,URL(b.png)}", &["a b.png", "b.png"]),
        ("a{background:url(\"a.png\" crossorigin(anonymous))}", &["a.png"]),
        ("a{background:src('a.png')}", &["a.png"]),
        (r"a{background:url(a\ b\).png)}", &["a b).png"]),
        (
            r"a{background:url('a\'\
b\26.png')}",
            &["a'b&.png"],
        ),
        (r"a{b:\75rl(a.png)}", &["a.png"]),
        (
            "a{background:image-set('a.png' 1x, url(b.png) 2x, \"c.avif\" type('image/avif') 3x)}",
            &["a.png", "b.png", "c.avif"],
        ),
        ("a{background:-webkit-image-set(url(a.png) 1x,url(b.png) 2x)}", &["a.png", "b.png"]),
        ("a{background:image(ltr 'a.png', red)}", &["a.png"]),
        ("a{background:cross-fade(url(a.png) 20%, url(b.png))}", &["a.png", "b.png"]),
        ("a{background:-webkit-cross-fade(url(a.png), image-set('b.png' 1x), 50%)}", &["a.png", "b.png"]),
        ("a{--hero:url(a.png);b:var(--x, url(b.png))}", &["a.png", "b.png"]),
        ("@media print{@supports (x:y){a{b:url(a.png)}}}", &["a.png"]),
        ("a{b:c;&:hover{d:url(a.png)}e:url(b.png)}", &["a.png", "b.png"]),
        ("li{list-style:url(a.png)}a{cursor:url(b.cur),auto}q{content:url(c.svg)}", &["a.png", "b.cur", "c.svg"]),
        ("a{*background:url(a.png);_background:url(b.png)}", &["a.png", "b.png"]),
        ("a{filter:progid:DXImageTransform.Microsoft.AlphaImageLoader(src='a.png', sizingMethod='scale')}", &["a.png"]),
        ("a{b:url(data:image/png;base64,AA==)}", &["data:image/png;base64,AA=="]),
        ("<!-- a{b:url(a.png)} -->", &["a.png"]),
        ("a{b:url(a.png);b:url(a.png)}c{d:url(a.png)}", &["a.png"]),
        ("@counter-style x{symbols:url(a.png)}@page{background:url(b.png)}", &["a.png", "b.png"]),
        ("a/* } */{/*;*/background/**/:/**/url(a.png)/* url(b.png) */}", &["a.png"]),
        ("a{b:URL('//cdn/a.png?x=1&y=2#z')}", &["//cdn/a.png?x=1&y=2#z"]),
        ("\u{feff}a{b:url(ä.png)}", &["ä.png"]),
        ("a{b:url(\0.png)}", &["\u{fffd}.png"]),
    ];
    for (css, expected) in cases {
        assert_eq!(images(css), expected, "{css}");
    }
}

#[test]
fn what_is_no_image() {
    let cases = [
        "",
        "@font-face{font-family:x;src:url(a.png) format('woff2')}",
        "a{src:url(a.png)}",
        "a{b:url(a.woff2?v=1) url('a.TTF#iefix') url(a.eot)}",
        "a{behavior:url(a.png);-moz-binding:url(x.xml#y)}",
        "@namespace svg url(http://www.w3.org/2000/svg);@namespace 'x';",
        "@document url(http://a/),url-prefix('http://b/'){}",
        "@charset 'utf-8';",
        "a{mask:url(#b);filter:url('#c');b:url();c:url('');d:url( )}",
        "a{content:'url(a.png)'}",
        "/* a{b:url(a.png)} */",
        "a[href='a.png']{}",
        "a{b:attr(x,'a.png') type('image/png')}",
    ];
    for css in cases {
        assert_eq!(urls(css, &Limits::default()), Found::default(), "{css}");
    }
}

#[test]
fn broken_css_loses_little() {
    let cases: [(&str, &[&str]); 12] = [
        ("a{b:url(a.png", &["a.png"]),
        ("a{b:url('a.png", &["a.png"]),
        ("a{b:url('a.png\n);c:url(b.png)}", &["b.png"]),
        ("a{b:url(a b.png);c:url(b.png)}", &["b.png"]),
        ("a{b:url(a'.png);c:url(b.png)}", &["b.png"]),
        ("a{b:(url(a.png);c:url(b.png)}d{e:url(c.png)}", &["a.png", "b.png", "c.png"]),
        ("}}a{b:url(a.png)}}c{d:url(b.png)}", &["a.png", "b.png"]),
        ("a{b:url(a.png)}/* url(b.png)", &["a.png"]),
        ("a{{{b:url(a.png)}", &["a.png"]),
        ("b:url(a.png);c", &["a.png"]),
        ("@media;a{b:url(a.png)}", &["a.png"]),
        ("@font-face;a{b:url(a.png)}", &["a.png"]),
    ];
    for (css, expected) in cases {
        assert_eq!(images(css), expected, "{css}");
    }
}

#[test]
fn imports() {
    let cases: [(&str, &[&str]); 10] = [
        ("@import 'a.css';@import \"b.css\"", &["a.css", "b.css"]),
        ("@import url(a.css) screen;@IMPORT url('b.css') layer(x) supports(a:b);", &["a.css", "b.css"]),
        ("@charset 'x';@layer a;@import\n'a.css'", &["a.css"]),
        ("@import'a.css';@import/**/url(b.css)", &["a.css", "b.css"]),
        ("<!--@import 'a.css';-->", &["a.css"]),
        ("a{}@import 'late.css';", &["late.css"]),
        ("@media x{@import 'inside.css';}", &[]),
        ("@import;@import a 'x';@import (a) 'x';", &[]),
        ("@import 'a.css' url(b.css) 'c.css';", &["a.css"]),
        ("a @import 'x.css';", &[]),
    ];
    for (css, expected) in cases {
        let found = urls(css, &Limits::default());
        assert_eq!(found.imports, expected, "{css}");
        assert!(found.images.is_empty() && !found.cut, "{css}");
    }
}

#[test]
fn a_style_attribute_imports_nothing() {
    let found = style_attribute(
        "@import 'a.css';background:url(a.png);src:url(b.png);b:image-set('c.png' 1x)",
        &Limits::default(),
    );
    assert_eq!(found, Found { images: vec!["a.png".into(), "c.png".into()], ..Found::default() });
}

#[test]
fn the_number_of_addresses_is_capped() {
    let limits = Limits { urls: 3, ..Limits::default() };
    for (number, cut) in [(2, false), (3, false), (4, true), (100, true)] {
        let css: Vec<_> = (0..number).map(|at| format!("a{{b:url({at});c:url({at})}}")).collect();
        let found = urls(&css.concat(), &limits);
        assert_eq!((found.images.len(), found.cut), (number.min(3), cut), "{number}");
    }
}

#[test]
fn depth_is_capped_and_what_follows_is_read() {
    let limits = Limits { depth: 3, ..Limits::default() };
    for (levels, expected, cut) in [(2, 2, false), (3, 2, false), (4, 1, true), (1_000, 1, true)] {
        for (open, close) in [("{", "}"), ("(", ")"), ("[", "]"), ("f(", ")")] {
            let css = format!("a{}b:url(deep){};c:url(after)", open.repeat(levels), close.repeat(levels));
            let found = urls(&css, &limits);
            assert_eq!((found.images.len(), found.cut), (expected, cut), "{levels} {open}");
            assert_eq!(found.images.last().map(String::as_str), Some("after"));
        }
    }
}

#[test]
fn hostile_sheets_take_linear_time() {
    let many = 500_000;
    let start = Instant::now();
    for part in [
        "{",
        "(",
        "[",
        "url(",
        "url('",
        "a{",
        "url(a ",
        "/*",
        "\"",
        "\\",
        "@import ",
        "image-set(",
        "</",
        "<!--",
        "}",
        ";",
    ] {
        let found = urls(&part.repeat(many), &Limits::default());
        assert!(found.images.len() <= 1 && found.imports.is_empty(), "{part}");
    }
    let spaced = format!("url({}", " ".repeat(many)).repeat(2);
    assert!(urls(&spaced, &Limits::default()).images.is_empty());
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

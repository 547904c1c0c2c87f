//! Scripts as sites write them, and the images that they name.

use super::*;

fn shown(text: &str) -> Vec<String> {
    let found = images(text, &Limits::default());
    found.iter().map(|image| format!("{} {}", image.url, image.caption.as_deref().unwrap_or("-"))).collect()
}

#[test]
fn every_form_of_an_image() {
    let cases: [(&str, &[&str]); 22] = [
        (r#"{"image":"a.jpg"}"#, &["a.jpg -"]),
        (r#"{"image":["a.jpg","b.jpg",{"url":"c.jpg"}]}"#, &["a.jpg -", "b.jpg -", "c.jpg -"]),
        (
            r#"{"image":"a","logo":"b","photo":"c","thumbnailUrl":["d"],"thumbnail":"e","primaryImageOfPage":"f"}"#,
            &["a -", "b -", "c -", "d -", "e -", "f -"],
        ),
        (r#"{"image":{"@type":"ImageObject","url":"a","width":1,"caption":"A"}}"#, &["a A"]),
        (r#"{"image":{"contentUrl":"a","url":"page","name":"A"}}"#, &["a A"]),
        (r#"{"image":{"url":"b.png","contentUrl":"a"}}"#, &["b.png -", "a -"]),
        (r#"{"@graph":[{"@type":"ImageObject","@id":"x#primary","url":"a","contentUrl":"a"}]}"#, &["a -"]),
        (r#"{"image":{"@id":"https://h/#primary"}}"#, &[]),
        (r#"{"image":{"@id":"https://h/a.png"}}"#, &["https://h/a.png -"]),
        (r#"{"image":{"@list":["a",{"@value":"b"}]}}"#, &["a -", "b -"]),
        (r#"{"publisher":{"@type":"Organization","url":"p","logo":{"@type":"ImageObject","url":"a"}}}"#, &["a -"]),
        (r#"{"logo":{"@type":"Organization","url":"p","image":"a"}}"#, &["a -"]),
        (r#"{"photo":{"@type":"CreativeWork","url":"a.jpg"}}"#, &["a.jpg -"]),
        (r#"{"@type":"VideoObject","contentUrl":"v.mp4","thumbnailUrl":"a"}"#, &["a -"]),
        (r#"{"@type":"MediaObject","contentUrl":"a.JPEG?x=1","name":"N"}"#, &["a.JPEG?x=1 N"]),
        (r#"{"@type":["Thing","http://schema.org/ImageObject"],"schema:contentUrl":"a"}"#, &["a -"]),
        (
            r#"{"https://schema.org/image":"a","schema:logo":"b","Image":"c","thumbnailURL":"d"}"#,
            &["a -", "b -", "c -", "d -"],
        ),
        (r#"{"image":"a?x=1&amp;y=2"}"#, &["a?x=1&y=2 -"]),
        (r#"{"image":{"thumbnail":{"url":"b"},"url":"a"}}"#, &["b -", "a -"]),
        (r#"[{"image":"a"}]{"image":"b"}"#, &["a -", "b -"]),
        (r#"{"hasPart":[{"itemListElement":{"item":{"image":["a"]}}}]}"#, &["a -"]),
        (r#"{"image":{"url":{"@type":"ImageObject","url":"a"}}}"#, &["a -"]),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_image() {
    let cases = [
        "",
        "image",
        r#""a.jpg""#,
        r#"{"url":"a.jpg","@id":"a.jpg","name":"a.jpg","sameAs":["a.jpg"]}"#,
        r#"{"image":null}"#,
        r#"{"image":{}}"#,
        r#"{"image":[]}"#,
        r#"{"image":{"@type":"WebPage","url":"p"}}"#,
        r#"{"contentUrl":"a"}"#,
        r#"{"contentUrl":"https://h/.png"}"#,
        r#"{"imageCount":"3"}"#,
    ];
    for text in cases {
        assert!(shown(text).is_empty(), "{text}");
    }
}

#[test]
fn captions() {
    let cases = [
        (r#""caption":"C","name":"N","description":"D""#, "C"),
        (r#""description":"D","name":"N""#, "N"),
        (r#""caption":" ","description":" a\n  b &amp; &quot;c&quot; ""#, "a b & \"c\""),
        (r#""caption":["C","E"]"#, "C"),
        (r#""caption":{"x":"C"},"name":1,"description":"D""#, "D"),
        (r#""caption":"""#, "-"),
    ];
    for (fields, expected) in cases {
        assert_eq!(shown(&format!(r#"{{"image":{{"url":"a",{fields}}}}}"#)), [format!("a {expected}")], "{fields}");
    }
}

#[test]
fn broken_json_loses_no_image() {
    let text = "//<![CDATA[\n{'@type': 'Article', // the story\n \"name\": \"He said \"hi\"\n to <b class=\"x\">all</b>\",\n\
        image: [\"a.jpg\", \"b.jpg\",],\n \"author\": {\"image\": {\"url\": \"c.jpg\", \"caption\": \"line\nbreak\",},},\n";
    assert_eq!(shown(text), ["a.jpg -", "b.jpg -", "c.jpg line break"]);
}

#[test]
fn an_object_of_many_addresses_costs_little() {
    let caption = "c".repeat(1_000_000);
    for fields in [format!(r#""caption":"{caption}""#), format!(r#""none":"{caption}""#)] {
        let text = format!(r#"{{"image":{{{}{fields}}}}}"#, r#""url":"a","#.repeat(100_000));
        let found = images(&text, &Limits::default());
        assert_eq!(found.len(), 100_000);
        assert!(found.iter().filter(|image| image.caption.is_some()).count() <= CAPTIONED);
    }
}

//! What JSON is, and what is not, read into values.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

/// The values as JSON.
fn shown(values: &[Value]) -> serde_json::Value {
    let one = |value: &Value| match value {
        Value::Text(text) => json!(text),
        Value::List(items) => shown(items),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shown(std::slice::from_ref(value))[0].clone())).collect()
        }
    };
    values.iter().map(one).collect()
}

#[test]
fn json_is_read_as_json() {
    let cases = [
        "{}",
        "[]",
        r#"{"a":"b","c":["d",1,-2.5e+3,null,true,{"e":[]}],"":"f"}"#,
        "\n\t{ \"a\" : \"b\" , \"c\" : [ \"d\" , \"e\" ] }\r\n",
        r#"["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 // /* <!-- ' é"]"#,
        r#"{"a":1,"b":"2","a":"3"}"#,
        r#"[[["a"],["b",[]]],{"a":{"b":{"c":"d"}}}]"#,
        r#"["a:b","c,d","{","]","it's"]"#,
        "[\"\u{2028}\u{7f}\"]",
    ];
    for text in cases {
        serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        super::super::fuzzing::agrees_with_serde(text);
    }
}

#[test]
fn what_pages_write_for_json() {
    let cases = [
        ("trailing commas", r#"{"a":"b","c":["d",],}"#),
        ("too many commas", r#"{,"a":"b",,"c":[,"d",,],}"#),
        ("no commas", "{\"a\":\"b\"\n\"c\":[\"d\"]}"),
        ("a semicolon behind it", r#"{"a":"b","c":["d"]};"#),
        ("an assignment", r#"var data = {"a":"b","c":["d"]};"#),
        ("single quotes", "{'a':'b','c':['d']}"),
        ("names without quotes", r#"{a:"b",c:["d"]}"#),
        ("comments", "// x {\n{/* \"x\":[ */\"a\":\"b\",// \"y\"\n\"c\" /**/ : [\"d\" // }\n]}/* end"),
        ("an HTML comment", "<!--\n{\"a\":\"b\",\"c\":[\"d\"]}\n-->"),
        ("CDATA", "<![CDATA[{\"a\":\"b\",\"c\":[\"d\"]}]]>"),
        ("CDATA behind comments", "//<![CDATA[\n{\"a\":\"b\",\"c\":[\"d\"]}\n//]]>"),
        ("CDATA in comments", "/*<![CDATA[*/{\"a\":\"b\",\"c\":[\"d\"]}/*]]>*/"),
        ("CDATA in one line", "// <![CDATA[ {\"a\":\"b\",\"c\":[\"d\"]} // ]]>"),
        ("entities", "{&quot;a&quot;:&quot;b&quot;,&quot;c&quot;:[&quot;d&quot;]}"),
        ("numbers of characters", "{&#34;a&#34;:&#x22;b&#34;,&#34;c&#34;:[&#34;d&#34;]}"),
        ("a byte order mark", "\u{feff}{\"a\":\"b\",\"c\":[\"d\"]}"),
        ("odd spaces", "\u{a0}{\0\"a\":\u{2028}\"b\",\"c\":[\"d\"]}"),
        ("cut in a string", r#"{"a":"b","c":["d"#),
        ("cut in a list", r#"{"a":"b","c":["d","#),
        ("cut behind a name", r#"{"a":"b","c":["d"],"e":"#),
        ("a bracket missing", r#"{"a":"b","c":["d"}"#),
        ("brackets too many", r#"]}{"a":"b","c":["d"]}}]]"#),
        ("a value missing", r#"{"x":,"a":"b","c":["d"],"y":}"#),
        ("words as values", r#"{"x":undefined,"a":"b","c":["d",NaN],"y":-.5}"#),
    ];
    for (what, text) in cases {
        assert_eq!(shown(&read(text, &Limits::default())), json!([{"a": "b", "c": ["d"]}]), "{what}");
    }
}

#[test]
fn strings() {
    let cases = [
        ("\"a\nb\tc\0\"", "a\nb\tc\0"),
        (r#""say "hi" now""#, r#"say "hi" now"#),
        (r#""<a href="x">y</a>""#, r#"<a href="x">y</a>"#),
        (r#""\'\q\"""#, "'q\""),
        (r#""\u12""#, "u12"),
        (r#""\ud83d\u0041\ude00""#, "\u{fffd}A\u{fffd}"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\"#, "]"),
        ("'it\\'s'", "it's"),
        ("'it's'", "it's"),
        (r#""\u00é""#, "u00é"),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(&read(&format!("[{text}]"), &Limits::default())), json!([[expected]]), "{text}");
    }
}

#[test]
fn several_values_one_after_another() {
    let read = read(r#"don't: {"a":"b"}{"c":"d"}, ["e"] "f" {"g":{}}"#, &Limits::default());
    assert_eq!(shown(&read), json!([{"a": "b"}, {"c": "d"}, ["e"], {"g": {}}]));
}

#[test]
fn depth_is_capped_and_what_follows_is_read() {
    let limits = Limits { depth: 3, ..Limits::default() };
    for (levels, deep) in [(1, true), (2, true), (3, false), (100_000, false)] {
        let text = format!(r#"[{}"deep"{},"after"]"#, "[".repeat(levels), "]".repeat(levels));
        let read = shown(&read(&text, &limits)).to_string();
        assert_eq!((read.contains("deep"), read.contains("after")), (deep, true), "{levels}");
    }
}

#[test]
fn the_number_of_values_is_capped() {
    let limits = Limits { values: 10, ..Limits::default() };
    for (number, expected) in [(9, 9), (10, 10), (11, 11), (12, 11), (1_000, 11)] {
        let read = read(&format!("[{}]", "\"a\",".repeat(number)), &limits);
        let [Value::List(items)] = read.as_slice() else { panic!("no list") };
        assert_eq!(items.len(), expected, "{number}");
    }
}

#[test]
fn hostile_texts_take_linear_time() {
    let many = 300_000;
    let start = Instant::now();
    let parts = [
        "[", "{", "]", "{\"a\":", "\"", "\\", "\"\\", "'", "/", "/*", "//", "<!--", "<", "&quot;", "[]", ",", "\" ",
        "a ",
    ];
    for part in parts {
        read(&part.repeat(many), &Limits::default());
        read(&format!("[\"{}", part.repeat(many)), &Limits::default());
    }
    read(&format!("[{}", format!("\"{}", " ".repeat(1_000)).repeat(300)), &Limits::default());
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

//! Another pair of eyes on HTML: finds images and links by a plain scan of the text.
//!
//! It knows far less than Warren's extractor and shares nothing with it: what it finds on a well-written site is what
//! Warren must have found too.

use url::Url;

/// The URLs that `<img src>` names on a page.
pub fn images(html: &str, page: &Url) -> Vec<Url> {
    attributes(html, "img", "src").filter_map(|value| page.join(&value).ok()).collect()
}

/// The URLs that `<a href>` names on a page, without their fragments.
pub fn links(html: &str, page: &Url) -> Vec<Url> {
    attributes(html, "a", "href")
        .filter_map(|value| page.join(&value).ok())
        .map(|mut url| {
            url.set_fragment(None);
            url
        })
        .collect()
}

fn attributes(html: &str, tag: &str, attribute: &str) -> impl Iterator<Item = String> {
    html.split('<').skip(1).filter_map(move |rest| {
        let markup = rest.strip_prefix(tag)?;
        let markup = markup.get(..markup.find('>')?)?;
        markup.starts_with(char::is_whitespace).then(|| value_of(markup, attribute)).flatten()
    })
}

fn value_of(markup: &str, attribute: &str) -> Option<String> {
    let start = format!("{attribute}=\"");
    // `data-src` ends with `src` too: an attribute's name has a blank before it.
    let (at, _) = markup.match_indices(&start).find(|(at, _)| markup[..*at].ends_with(char::is_whitespace))?;
    let (value, _) = markup[at + start.len()..].split_once('"')?;
    Some(value.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_plain_page_names() {
        let page = Url::parse("http://host/a/b.html").expect("a URL");
        let html = "<p><a accesskey=\"n\"\n href=\"c.html#top\"><img data-src=\"no.png\" src=\"../i/1.png?a&amp;b\"/></a><area href=\"no\">";
        assert_eq!(images(html, &page).iter().map(Url::as_str).collect::<Vec<_>>(), ["http://host/i/1.png?a&b"]);
        assert_eq!(links(html, &page).iter().map(Url::as_str).collect::<Vec<_>>(), ["http://host/a/c.html"]);
    }
}

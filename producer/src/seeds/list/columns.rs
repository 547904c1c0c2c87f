//! Which columns of a list hold what: the URL, the caption, and what is carried along. Names are compared as written, or
//! else but for upper and lower case: lists in the wild say `url`, `URL` and `Url`.

use super::{ListError, ListOptions, at_most};

/// Names of the URL's column, the first that is there, where none was asked for.
pub const URL_COLUMNS: [&str; 3] = ["url", "image_url", "img_url"];

/// Names of the caption's column, the first that is there, where none was asked for.
pub const CAPTION_COLUMNS: [&str; 3] = ["caption", "text", "alt"];

/// Names to look for, in this order.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) url: Vec<String>,
    /// None of them: there are no captions.
    pub(super) caption: Vec<String>,
    /// All of them, as they were asked for.
    pub(super) extra: Vec<String>,
    caption_is_asked_for: bool,
}

impl Wanted {
    pub(super) fn new(options: &ListOptions) -> Self {
        let names = |asked: &Option<String>, usual: [&str; 3]| match asked {
            Some(name) if name.is_empty() => Vec::new(),
            Some(name) => vec![name.clone()],
            None => usual.map(str::to_owned).to_vec(),
        };
        Self {
            url: names(&options.url_column, URL_COLUMNS),
            caption: names(&options.caption_column, CAPTION_COLUMNS),
            extra: options.columns.clone(),
            caption_is_asked_for: options.caption_column.is_some(),
        }
    }

    /// Whether the name of the caption's column was given.
    pub(super) fn caption_is_asked_for(&self) -> bool {
        self.caption_is_asked_for
    }

    /// Finds them among the columns of the list called `name`.
    pub(super) fn among(&self, columns: &[String], name: &str) -> Result<Chosen, ListError> {
        let missing = |column: &str| ListError::NoColumn {
            name: name.to_owned(),
            column: column.to_owned(),
            found: shortened(&columns.join(", ")),
        };
        let first = |names: &[String]| names.iter().find_map(|name| position(columns, name));
        let usual = |names: &[String]| names.first().map(|name| missing(name));
        let url = first(&self.url).ok_or_else(|| missing(self.url.first().map_or("", String::as_str)))?;
        let caption = first(&self.caption);
        if let (None, true, Some(error)) = (caption, self.caption_is_asked_for, usual(&self.caption)) {
            return Err(error);
        }
        let find = |name: &String| Ok((name.clone(), position(columns, name).ok_or_else(|| missing(name))?));
        Ok(Chosen { url, caption, extra: self.extra.iter().map(find).collect::<Result<_, _>>()? })
    }
}

/// Where the columns stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) url: usize,
    pub(super) caption: Option<usize>,
    /// Under the names that were asked for.
    pub(super) extra: Vec<(String, usize)>,
}

/// Where this name stands among others.
pub(super) fn position<S: AsRef<str>>(columns: impl IntoIterator<Item = S> + Clone, name: &str) -> Option<usize> {
    let exact = columns.clone().into_iter().position(|found| found.as_ref() == name);
    exact.or_else(|| columns.into_iter().position(|found| found.as_ref().eq_ignore_ascii_case(name)))
}

fn shortened(text: &str) -> String {
    let short = at_most(text, 300);
    if short.len() < text.len() { format!("{short}…") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(columns: &[&str], options: &ListOptions) -> Result<Chosen, ListError> {
        let columns: Vec<_> = columns.iter().map(|column| (*column).to_owned()).collect();
        Wanted::new(options).among(&columns, "list")
    }

    #[test]
    fn the_usual_names_in_their_order() {
        for (columns, url, caption) in [
            (&["id", "url", "caption"][..], 1, Some(2)),
            (&["TEXT", "URL"], 1, Some(0)),
            (&["image_url", "alt", "text"], 0, Some(2)),
            (&["image_url", "Url"], 1, None),
            (&["URL", "url"], 1, None),
        ] {
            let found = chosen(columns, &ListOptions::default()).expect("columns");
            assert_eq!((found.url, found.caption), (url, caption), "{columns:?}");
        }
        let error = chosen(&["id", "link"], &ListOptions::default()).expect_err("no URL").to_string();
        assert!(error.contains("no column `url`; there are: id, link"), "{error}");
    }

    #[test]
    fn what_is_asked_for_must_be_there() {
        let columns = &["url", "caption", "Link", "width"];
        let asked = |url: Option<&str>, caption: Option<&str>, extra: &[&str]| ListOptions {
            url_column: url.map(str::to_owned),
            caption_column: caption.map(str::to_owned),
            columns: extra.iter().map(|name| (*name).to_owned()).collect(),
            ..ListOptions::default()
        };
        let found = chosen(columns, &asked(Some("link"), Some(""), &["WIDTH", "url"])).expect("columns");
        assert_eq!(found, Chosen { url: 2, caption: None, extra: vec![("WIDTH".into(), 3), ("url".into(), 0)] });
        for (asked, missing) in [
            (asked(Some("src"), None, &[]), "`src`"),
            (asked(None, Some("title"), &[]), "`title`"),
            (asked(None, None, &["url", "height"]), "`height`"),
        ] {
            let error = chosen(columns, &asked).expect_err("missing").to_string();
            assert!(error.contains(missing), "{error}");
        }
    }
}

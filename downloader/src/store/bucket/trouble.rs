//! What goes wrong with a bucket, in our words: which object, why, and what somebody can do. A server's answer is a document
//! that may tell of keys and signatures; of that the code and the message are repeated, and no more.

use std::io::{self, ErrorKind};

use common::chain::Chain;
use object_store::Error;

use crate::location::BucketLocation;
use crate::one_line::one_line;
use crate::store::StoreError;

/// Longest cause that is told, in bytes.
const MAX_CAUSE: usize = 500;

/// Where Amazon's machines ask for their credentials, and so does whoever has none.
const METADATA: &str = "169.254.169.254";

pub(super) fn cannot(doing: &'static str, location: &BucketLocation, path: &str) -> impl FnOnce(Error) -> StoreError {
    let (bucket, key) = (location.bucket.clone(), location.key(path));
    move |error| {
        let kind = kind(&error);
        StoreError::of_bucket(
            doing,
            format!("s3://{bucket}/{key}"),
            io::Error::new(kind, cause(&Chain(&error).to_string())),
        )
    }
}

/// Whether the server says that the object is there. A conflict is something else: another one is being put, and it is not
/// known whether it will be there.
pub(super) fn is_there_already(error: &Error) -> bool {
    match error {
        Error::Precondition { .. } | Error::NotModified { .. } => true,
        Error::AlreadyExists { source, .. } => source.downcast_ref::<Error>().is_some_and(is_there_already),
        _ => false,
    }
}

/// Whether the server will say the same however it is asked.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(kind(error), ErrorKind::PermissionDenied | ErrorKind::NotFound)
}

fn kind(error: &Error) -> ErrorKind {
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ErrorKind::PermissionDenied,
        Error::NotFound { .. } => ErrorKind::NotFound,
        _ if error.to_string().contains(METADATA) => ErrorKind::PermissionDenied,
        _ => ErrorKind::Other,
    }
}

/// What somebody can do about it.
pub(in crate::store) fn hint(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => {
            "give credentials that may put objects there, by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)"
        }
        ErrorKind::NotFound => "create the bucket, or look at its name and at the server's (--s3-endpoint, AWS_REGION)",
        _ => "look at the server (--s3-endpoint, AWS_REGION), and at the network between",
    }
}

/// One line without the document that the server may have answered.
pub(crate) fn cause(text: &str) -> String {
    let (said, document) = match text.find("<?xml").or_else(|| text.find("<Error")) {
        Some(begin) => (text[..begin].trim_end_matches([' ', ':']), &text[begin..]),
        None => (text, ""),
    };
    let told = ["Code", "Message"].into_iter().filter_map(|name| element(document, name));
    one_line(&std::iter::once(said).chain(told).collect::<Vec<_>>().join(": "), MAX_CAUSE)
}

fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> Error {
        Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn of_an_answer_its_code_and_message_are_told_and_nothing_else() {
        let document = "<?xml version=\"1.0\"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>It does not match.</Message>\
                        <AWSAccessKeyId>AKIA123</AWSAccessKeyId><StringToSign>secret</StringToSign></Error>";
        let text = cause(&format!("Error performing PUT http://h/b/k - 403 Forbidden: {document}"));
        assert_eq!(
            text,
            "Error performing PUT http://h/b/k - 403 Forbidden: SignatureDoesNotMatch: It does not match."
        );
        assert_eq!(cause("refused\r\n"), "refused  ");
        assert_eq!(cause(&"é".repeat(500)).len(), MAX_CAUSE);
        assert_eq!(cause("a: <Error><Code>half"), "a");
    }

    #[test]
    fn a_conflict_does_not_mean_that_the_object_is_there() {
        let path = || "k".to_owned();
        let exists = |source: Box<dyn std::error::Error + Send + Sync>| Error::AlreadyExists { path: path(), source };
        assert!(is_there_already(&exists(Box::new(Error::Precondition { path: path(), source: "412".into() }))));
        assert!(is_there_already(&exists(Box::new(Error::NotModified { path: path(), source: "304".into() }))));
        assert!(!is_there_already(&exists("409".into())));
        assert!(!is_there_already(&generic("500")));
    }

    #[test]
    fn whoever_has_no_credentials_is_told_of_them() {
        let error = generic("Error performing PUT http://169.254.169.254/latest/api/token in 3s - timed out");
        assert_eq!(kind(&error), ErrorKind::PermissionDenied);
        assert!(hint(kind(&error)).contains("AWS_ACCESS_KEY_ID"));
        assert!(is_refusal(&error) && !is_refusal(&generic("503")));
    }
}

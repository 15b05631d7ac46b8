//! Search for secrets in addresses: user and password before an `@`, parameters after a `?`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::names::{self, Naming};
use super::options;
use super::pattern::pattern;
use super::shell::blank_separated;
use super::spans::Spans;
use super::token;
use super::word_list::contains;

/// Pattern of addresses without a scheme, with the password in its last group:
/// `user:password@tcp(host)/db` of Go, `user:password@host`, and `thin:user/password@//host` of
/// Oracle.
static BARE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:^|[\s"'`=,(])(?:jdbc:oracle:\w+:([^\s/@"']+)/|(?://)?([^\s:/@"'=(,]*):)([^\s"']+)@[\w\[(/\-]"#,
    )
});

/// Words before the colon of an address without a scheme that are not the name of a user, so that
/// no password follows.
const NO_USER: &str = "npm workspace mailto acct sip sips xmpp link file patch";

/// Users in web addresses, as in `https://user@host`, that are public knowledge and are not
/// masked.
const OPEN_USERS: &str = "git anonymous guest hg svn";

/// Names of parameters that hold no secret, in lower case without `_` and `-`.
const OPEN_PARAMETERS: &str = "sslmode ssl sslrootcert sslcert sslnegotiation tls host hostaddr port user username dbname \
    database db applicationname appname connecttimeout sockettimeout sockettimeoutms \
    connecttimeoutms timeout timeoutms targetsessionattrs loadbalancehosts options searchpath \
    schema currentschema charset characterencoding useunicode collation parsetime loc timezone \
    servertimezone usessl retrywrites retryreads w authsource authmechanism replicaset \
    readpreference sentinel readconcernlevel directconnection maxpoolsize minpoolsize poolsize pool \
    maxidletimems compressors heartbeat vhost frame frameformat channelmax keepalives \
    keepalivesidle tcpuserestarts role warehouse account region protocol version v ver \
    apiversion api lang locale hl format output fmt type kind page perpage pagesize limit \
    offset start end from to since until step sort order orderby dir filter fields include \
    expand q query search name room channel topic transport eio encoding compression debug \
    pretty watch follow stdout stderr tail tty container labelselector fieldselector \
    timeoutseconds resourceversion profile mode level color width height size quality method \
    action email binding passfile sslkey gssencmode channelbinding krbsrvname service prepared \
    statementcachemode preparestatement rewritebatchedstatements cacheprepstmts encrypt \
    trustservercertificate driver dialect wsdl xamzalgorithm xamzdate xamzexpires \
    xamzsignedheaders sv se st sp sr spr expires ref branch tag path package arch os repo \
    utmsource utmmedium utmcampaign";

/// Adds to `out` the ranges of the secrets in all addresses in `text`. `argument` is true if the
/// text is one argument of a command line, in which a password may contain blanks.
pub(super) fn mark(text: &str, argument: bool, out: &mut Spans) {
    paths(text, out);
    if !text.contains(['@', ':']) {
        return;
    }
    let mut from = 0;
    while let Some(found) = text[from..].find("://") {
        let colon = from + found;
        let rest = colon + 3;
        let end = end_of(text, colon, argument);
        if let Some(scheme) = scheme_before(text, colon) {
            url(text, scheme, end, out);
        }
        from = end.max(rest);
    }
    if text.contains('@') {
        bare(text, out);
    }
}

/// Returns the byte position of the end of the address whose `://` is at `colon`: the closing
/// quote if the address is in quotes, else the end of the word. In an argument of a command line, an
/// address that begins the argument or follows `=`, and has no `@` in its first word, reaches to the
/// end of the word with the last `@` before the next `://`: a password may contain blanks.
fn end_of(text: &str, colon: usize, argument: bool) -> usize {
    let rest = &text[colon..];
    let scheme = scheme_before(text, colon).map_or(colon, |scheme| scheme.start);
    let before = text[..scheme].chars().next_back();
    let quote = before.filter(|c| matches!(c, '"' | '\'' | '`' | '<'));
    let closing = quote.map(|quote| if quote == '<' { '>' } else { quote });
    let quoted = closing.and_then(|closing| rest.find(closing));
    let blank = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let word = &rest[..blank];
    let length = match quoted {
        Some(quoted) => quoted,
        // In an argument, blanks may be part of the password.
        None if argument && matches!(before, None | Some('=')) && !word.contains('@') => {
            let next = rest[3..].find("://").map_or(rest.len(), |next| next + 3);
            rest[..next].rfind('@').map_or(blank, |at| {
                let after = &rest[at..];
                at + after.find(char::is_whitespace).unwrap_or(after.len())
            })
        }
        None => blank,
    };
    colon + length
}

fn scheme_before(text: &str, colon: usize) -> Option<Range<usize>> {
    const LONGEST: usize = 32;
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-');
    let before = text.as_bytes()[..colon].iter().rev().take(LONGEST);
    let length = before.take_while(|byte| is_scheme(byte)).count();
    (length > 0).then_some(colon - length..colon)
}

/// Adds to `out` the ranges of the secrets of a text that is a single address, blanks included;
/// does nothing if it has no scheme.
pub(super) fn mark_whole(text: &str, out: &mut Spans) {
    if let Some(colon) = text.find("://")
        && let Some(scheme) = scheme_before(text, colon)
    {
        url(text, scheme, text.len(), out);
    }
}

/// Adds to `out` the ranges of the secrets of the address that has this scheme and ends at byte
/// `end`. An address may be a parameter of another one; one that is nested four levels deep, more
/// than anybody writes, is masked as a whole.
fn url(text: &str, scheme: Range<usize>, end: usize, out: &mut Spans) {
    const DEEPEST: usize = 4;
    let mut scheme = scheme;
    for depth in 0.. {
        let begin = scheme.end + 3;
        if depth == DEEPEST {
            return out.add(begin..end);
        }
        let (secret, host) = user_info(&text[begin..end], &text[scheme]);
        if let Some(secret) = secret {
            out.add(begin + secret.start..begin + secret.end);
        }
        let host = begin + host;
        parameters(text, host..end, out);
        let inner = text[host..end].find("://").map(|at| host + at);
        match inner.and_then(|colon| scheme_before(text, colon)) {
            Some(inner) => scheme = inner,
            None => return,
        }
    }
}

/// Returns the range of user and password to mask in an address without its scheme, `None` if
/// nothing is to be masked, and the byte position of the start of the host. A password may contain
/// `@`, `/`, `?` and `#`, so everything before the last `@` belongs to it.
fn user_info(rest: &str, scheme: &str) -> (Option<Range<usize>>, usize) {
    let scheme = scheme.to_ascii_lowercase();
    let is_web = ["http", "https", "ws", "wss"]
        .iter()
        .any(|web| scheme.ends_with(web));
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let first = &rest[..authority];
    let user_end = first.rfind('@');
    let host = user_end.map_or(0, |at| at + 1);
    let last = rest.rfind('@');
    let mut hosts = first[host..].split(',');
    // What looks like a list of hosts may be a password with a comma, if an `@` follows.
    let odd_host = !hosts.all(is_host_and_port) || (last > user_end && first[host..].contains(','));
    let colon = first.find(':');
    let with_password = match (colon, user_end) {
        (Some(colon), Some(end)) => colon < end || odd_host,
        (Some(_), None) => odd_host,
        (None, _) => false,
    };
    let in_query = |at: usize| {
        let query = rest
            .get(authority..at)
            .and_then(|rest| rest.split_once('?'));
        let key = query.and_then(|(_, query)| query.split_once('='));
        key.is_some_and(|(key, _)| {
            key.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        })
    };
    let hidden_user = |user: &str| is_web && !contains(OPEN_USERS, user);
    // The last `@` may belong to the password or to a parameter. If that is ambiguous, both are
    // masked.
    let ambiguous = last.is_some_and(in_query) && !is_web;
    if let Some(colon) = colon.filter(|_| with_password || ambiguous) {
        let end = match last.filter(|at| *at > colon) {
            Some(at) if in_query(at) => rest.len(),
            Some(at) => at,
            // The text was cut off within the password.
            None => authority,
        };
        let whole = end > authority || user_end == Some(end);
        let start = if whole && hidden_user(&rest[..colon]) {
            0
        } else {
            colon + 1
        };
        let placeholder = rest.get(colon + 1..end) == Some("PASSWORD");
        return (
            (!placeholder).then_some(start..end),
            rest.len().min(end + 1),
        );
    }
    match (user_end, last.filter(|at| !in_query(*at))) {
        (Some(end), _) => (hidden_user(&rest[..end]).then_some(0..end), host),
        // In `host:80/…@` and `host.name/…@` the `@` most likely belongs to the path.
        (None, Some(at)) if colon.is_some() => (Some(authority + 1..at), authority),
        (None, Some(at)) if is_web && !first.contains('.') && first != "localhost" => {
            (Some(0..at), at + 1)
        }
        _ => (None, authority),
    }
}

fn is_host_and_port(host: &str) -> bool {
    let after_ipv6 = host.strip_prefix('[').and_then(|host| host.split_once(']'));
    let Some((_, port)) = after_ipv6.map_or(host, |(_, after)| after).split_once(':') else {
        return true;
    };
    let port = port.trim_end_matches([')', ',', ';', '.', '"', '\'', '>', '}', ':']);
    // Documentation writes `ws://host:port/path`.
    if port.eq_ignore_ascii_case("port") {
        return true;
    }
    (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Adds to `out` the ranges of the values of parameters after `?`, `#` or `&` within `range`,
/// except for those that are known to hold no secret, and the ranges of secret segments of the
/// path before them.
fn parameters(text: &str, range: Range<usize>, out: &mut Spans) {
    let shown = &text[range.clone()];
    let query = shown.find(['?', '#']);
    segments(
        text,
        range.start..query.map_or(range.end, |at| range.start + at),
        out,
    );
    let Some(question) = query else {
        return;
    };
    for Range { start: at, end } in pairs(text, range.start + question + 1..range.end) {
        let shown = text[at..end].trim_end_matches(['"', '\'', ')', '>', ',']);
        let (key, value) = match shown.split_once('=') {
            Some((key, _)) => (key, at + key.len() + 1..at + shown.len()),
            None => ("", at..at + shown.len()),
        };
        if !is_open(key, &text[value.clone()]) {
            out.add(value);
        }
    }
}

/// Returns the byte ranges of the parameters in `query`. A `?` within a value does not end it, unless
/// another name and `=` follow.
fn pairs(text: &str, query: Range<usize>) -> Vec<Range<usize>> {
    let mut pairs: Vec<Range<usize>> = Vec::new();
    let mut at = query.start;
    for pair in text[query].split(['&', '?', '#']) {
        let end = at + pair.len();
        let goes_on = text[..at].ends_with('?') && !pair.contains('=');
        match pairs.last_mut().filter(|_| goes_on) {
            Some(last) => last.end = end,
            None => pairs.push(at..end),
        }
        at = end + 1;
    }
    pairs
}

/// Adds to `out` the ranges of segments of a path within `range` that are secrets: those after a
/// name that announces a secret, as in `/t/X/channel`, and random ones after a version, as in
/// `/v3/X`.
fn segments(text: &str, range: Range<usize>, out: &mut Spans) {
    let mut at = range.start;
    let (mut announced, mut versioned) = (false, false);
    for segment in text[range].split('/') {
        let key = versioned && token::is_digest_like(segment);
        if key || (announced && options::looks_like_password(segment)) {
            out.add(at..at + segment.len());
        }
        versioned = segment.len() == 2 && segment.starts_with('v');
        announced =
            ["t", "key", "inputs"].contains(&segment) || names::naming(segment) == Naming::Secret;
        at += segment.len() + 1;
    }
}

fn is_open(key: &str, value: &str) -> bool {
    const LONGEST_NUMBER: usize = 5;
    let name: String = key
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    if names::says_nothing(value) {
        return true;
    }
    if name.is_empty() {
        // A word without `=` is the fragment of a page or a switch, such as `?wsdl`.
        let word = value.to_ascii_lowercase();
        return contains(OPEN_PARAMETERS, &word);
    }
    if contains(OPEN_PARAMETERS, &name) {
        return !token::is_opaque(value);
    }
    let number = value.len() <= LONGEST_NUMBER && value.bytes().all(|byte| byte.is_ascii_digit());
    number && names::naming(key) == Naming::Harmless
}

/// Adds to `out` the ranges of the passwords in addresses without a scheme.
fn bare(text: &str, out: &mut Spans) {
    for captures in BARE.captures_iter(text) {
        let Some(secret) = captures.get(3) else {
            continue;
        };
        let user = captures.get(2).map_or("", |user| user.as_str());
        let shown = secret.as_str();
        let is_digest = text[secret.end()..].starts_with("@sha");
        if !contains(NO_USER, user) && !shown.starts_with("//") && !is_digest {
            out.add(secret.range());
        }
    }
}

/// Adds to `out` the ranges of the secrets in the parameters of paths without a host:
/// `/socket?ticket=…`.
fn paths(text: &str, out: &mut Spans) {
    if !text.contains('?') {
        return;
    }
    for (at, word) in blank_separated(text) {
        let is_path = word.starts_with('/') || word.starts_with('?');
        if is_path && word.contains('=') && !word.contains("://") {
            parameters(text, at..at + word.len(), out);
        }
    }
}

//! Files of a data set: from the user's cache, else from a mirror.
//!
//! A file counts only when its SHA-256 is right, in the cache as from a mirror. Each is kept in the cache as soon as it is
//! verified, so a start that was cut short goes on where it stopped.

use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

use super::gzip;
use super::sniff::{FileKind, file_kind};
use crate::files::write_atomic;
use crate::threads;
use crate::words::{counted, grouped};

/// How long a person who asked for the files waits for each of three things: a mirror's address, a connection, and its
/// answer. So long, too, may a mirror that sends a file stay silent.
const EACH_WAIT: Duration = Duration::from_secs(10);
/// How long all mirrors together may take to give their first answers where nobody asked for the files: who is without a
/// network wants to go on without them.
const SHORT_WAIT: Duration = Duration::from_secs(3);

/// Most bytes taken from a mirror for one file; the largest of those known has less than half of it.
const MAX_DOWNLOAD: u64 = 64 << 20;

/// Bytes between two reports of progress.
const CHUNK: u64 = 64 << 10;

/// A file, `<name>.gz` in the cache and at a mirror, and what it must hold.
#[derive(Clone, Copy, Debug)]
pub struct RemoteFile<'a> {
    /// Its name without `.gz`.
    pub name: &'a str,
    /// Length of the decompressed content.
    pub bytes: u64,
    /// What it is known by.
    pub sum: Sum<'a>,
}

/// A SHA-256 in lower-case hexadecimal digits, and of what it is.
#[derive(Clone, Copy, Debug)]
pub enum Sum<'a> {
    /// Of the decompressed content, however it was compressed.
    Content(&'a str),
    /// Of the compressed file, as it is published.
    Compressed(&'a str),
}

/// How long mirrors are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For who asked for the files: 10 s each for a mirror's address, a connection and its answer.
    Long,
    /// For an attempt that nobody asked for: 3 s for the first answers of all mirrors together.
    Short,
}

/// How far the download of a file is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Name of the file.
    pub name: &'a str,
    /// Bytes received.
    pub received: u64,
    /// Bytes to receive, if the mirror says it.
    pub total: Option<u64>,
}

/// Why files cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cache lacks a file and there is no mirror to ask.
    #[error("{}; download it once, or give a folder of data", lacks(cache.as_deref(), name))]
    NotCached {
        /// The folder of the cache, if there is one.
        cache: Option<PathBuf>,
        /// The file.
        name: String,
    },
    /// No mirror gave what the cache lacks.
    #[error("it cannot be downloaded: {}; {}give another mirror or a folder of data", join(failures), advice(failures))]
    Download {
        /// Why each mirror was given up.
        failures: Vec<Failure>,
    },
}

/// A mirror that was given up.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {reason}")]
pub struct Failure {
    /// Address of the file that was asked for.
    pub url: String,
    /// Why the mirror was given up.
    pub reason: Reason,
}

/// Why a mirror was given up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// No answer came: no such host, no connection, or a time-out.
    #[error("no answer ({0})")]
    NoAnswer(io::Error),
    /// No answer came in the time that there is for it.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Late(Duration),
    /// It is no address of a mirror.
    #[error("no http:// or https:// address ({0})")]
    Address(io::Error),
    /// What answered is not to be trusted or not understood.
    #[error("no usable answer ({0})")]
    Unusable(io::Error),
    /// The system gave no thread to wait for the mirror in.
    #[error("no thread to ask it in ({0}); allow more threads")]
    NoThread(io::Error),
    /// The answer was not the file.
    #[error("HTTP {0}")]
    Status(u16),
    /// The connection ended within the file.
    #[error("cut after {received} bytes ({reason})")]
    Cut {
        /// Bytes received before.
        received: u64,
        /// What ended it.
        reason: io::Error,
    },
    /// More came than any of the files has.
    #[error("more than {MAX_DOWNLOAD} bytes")]
    TooLong,
    /// What came cannot be decompressed.
    #[error("broken gzip data ({0})")]
    Gzip(io::Error),
    /// Something else came, as the page of a network that wants a login first.
    #[error("not the file but {0}")]
    Other(FileKind),
    /// It has another length or another SHA-256.
    #[error("wrong content (not the expected SHA-256)")]
    Content,
}

impl Error {
    /// The same in a few words, without addresses and folders.
    #[must_use]
    pub fn brief(&self) -> String {
        match self {
            Self::NotCached { cache: Some(_), .. } => "it is not in the cache".to_owned(),
            Self::NotCached { cache: None, .. } => "there is no home folder that could hold it".to_owned(),
            Self::Download { failures } => {
                let mut reasons: Vec<String> = failures.iter().map(|failure| failure.reason.brief()).collect();
                reasons.sort();
                reasons.dedup();
                let mirrors = counted(failures.len(), "mirror");
                format!("it cannot be downloaded ({mirrors}: {})", reasons.join(", "))
            }
        }
    }

    /// The same in full, a line for each mirror.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::NotCached { .. } => vec![self.to_string()],
            Self::Download { failures } => failures.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Reason {
    fn brief(&self) -> String {
        match self {
            Self::NoAnswer(_) | Self::Late(_) => "no answer".to_owned(),
            Self::Address(_) => "no address of a mirror".to_owned(),
            Self::Unusable(_) => "no usable answer".to_owned(),
            Self::NoThread(_) => "no thread to ask in".to_owned(),
            Self::Cut { .. } => "cut within the file".to_owned(),
            Self::Gzip(_) => "broken gzip data".to_owned(),
            Self::Other(_) => "another file".to_owned(),
            Self::Status(_) | Self::TooLong | Self::Content => self.to_string(),
        }
    }
}

fn lacks(cache: Option<&Path>, name: &str) -> String {
    match cache {
        Some(cache) => format!("{} holds no valid {name}.gz", cache.display()),
        None => format!("there is no folder to keep {name}.gz in, as there is no home folder"),
    }
}

/// Every address with its reason; one that several have is said once.
fn join(failures: &[Failure]) -> String {
    let groups = grouped(failures.iter().map(|Failure { url, reason }| (reason.to_string(), url.as_str())));
    let each: Vec<String> = groups.iter().map(|(reason, urls)| format!("{}: {reason}", urls.join(" and "))).collect();
    each.join("; ")
}

/// Only where a mirror can't be reached the network may be to blame.
fn advice(failures: &[Failure]) -> &'static str {
    let is_of_network =
        |failure: &Failure| matches!(failure.reason, Reason::NoAnswer(_) | Reason::Late(_) | Reason::Cut { .. });
    if failures.iter().any(is_of_network) { "check the network, or " } else { "" }
}

/// Files and what became of them.
#[derive(Debug)]
pub struct Fetched<const N: usize> {
    /// Their verified contents.
    pub contents: [Vec<u8>; N],
    /// How many of them were downloaded; the others were in the cache.
    pub downloaded: usize,
    /// Why a file is not in the cache now, if one is not.
    pub cache_error: Option<CacheError>,
}

/// A verified file could not be written to the cache.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written ({reason}), so it will be downloaded again; make room, or a folder that can be written", path.display())]
pub struct CacheError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub reason: io::Error,
}

/// Gives the decompressed content of `files`, in their order, each from the folder `cache` or else
/// from the first of the `mirrors` that has it. A mirror that fails once, or lets wait longer than
/// `patience` has, is not asked again. With no mirrors, nothing but the cache is looked at.
///
/// Mirrors are `https://` or `http://` addresses; the proxy that the environment names
/// (`HTTPS_PROXY`, `NO_PROXY` and so on) is used, but not for a mirror on this machine.
///
/// # Errors
/// When a file is neither in the cache nor to be had from a mirror.
pub fn fetch<const N: usize>(
    files: &[RemoteFile<'_>; N],
    cache: Option<&Path>,
    mirrors: &[&str],
    patience: Patience,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Fetched<N>, Error> {
    let mut cached = threads::map(files.iter(), |file| read_cached(file, cache?)).into_iter();
    let mut contents = files.map(|_| cached.next().flatten());
    let mut cache_error = None;
    let mut downloaded = 0;
    let agent = agent();
    let mut failures = Vec::new();
    let mut short_wait = SHORT_WAIT;
    for (mirror, mirrors_left) in mirrors.iter().zip((1..=mirrors.len() as u32).rev()) {
        let mut has_answered = false;
        for (file, content) in files.iter().zip(&mut contents) {
            if content.is_some() {
                continue;
            }
            let url = format!("{}/{}.gz", mirror.trim_end_matches('/'), file.name);
            let wait = match patience {
                Patience::Short if !has_answered => short_wait / mirrors_left,
                Patience::Short | Patience::Long => 3 * EACH_WAIT,
            };
            let start = Instant::now();
            let answer = ask(&agent, &url, wait);
            if !has_answered {
                short_wait = short_wait.saturating_sub(start.elapsed());
            }
            match answer.and_then(|answer| download(answer, file, progress)) {
                Ok((compressed, verified)) => {
                    has_answered = true;
                    downloaded += 1;
                    let kept = cache.map(|cache| keep(&cached_path(file, cache), &compressed)).transpose();
                    cache_error = cache_error.or(kept.err());
                    *content = Some(verified);
                }
                Err(reason) => {
                    failures.push(Failure { url, reason });
                    break;
                }
            }
        }
    }
    let missing = files.iter().zip(&contents).find(|(_, found)| found.is_none());
    match missing {
        None => Ok(Fetched { contents: contents.map(Option::unwrap_or_default), downloaded, cache_error }),
        Some((file, _)) if mirrors.is_empty() => {
            Err(Error::NotCached { cache: cache.map(Path::to_path_buf), name: file.name.to_owned() })
        }
        Some(_) => Err(Error::Download { failures }),
    }
}

fn cached_path(file: &RemoteFile<'_>, cache: &Path) -> PathBuf {
    cache.join(format!("{}.gz", file.name))
}

/// The content of a file in the cache, if it is there, whole and unchanged.
fn read_cached(file: &RemoteFile<'_>, cache: &Path) -> Option<Vec<u8>> {
    let path = cached_path(file, cache);
    // A file that is far too long is not read as a whole.
    let length = fs::metadata(&path).ok()?.len();
    if length > MAX_DOWNLOAD { None } else { unpack(file, &fs::read(path).ok()?).ok() }
}

fn keep(path: &Path, compressed: &[u8]) -> Result<(), CacheError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| write_atomic(path, |out| out.write_all(compressed)))
        .map_err(|reason| CacheError { path: path.to_path_buf(), reason })
}

fn agent() -> Agent {
    Agent::config_builder()
        .timeout_connect(Some(EACH_WAIT))
        .timeout_recv_response(Some(EACH_WAIT))
        .timeout_per_read(Some(EACH_WAIT))
        .build()
        .new_agent()
}

/// Whether an address is on this machine, to which no proxy leads.
fn is_local(url: &str) -> bool {
    let address: Option<Uri> = url.parse().ok();
    let host = address.as_ref().and_then(Uri::host).unwrap_or_default();
    let number = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || number.is_ok_and(|number| number.is_loopback())
}

/// Asks for a file and waits so long for the beginning of the answer.
fn ask(agent: &Agent, url: &str, wait: Duration) -> Result<Response<Body>, Reason> {
    let request = agent.get(url);
    let request = if is_local(url) { request.config().proxy(None).build() } else { request };
    let (send, answer) = sync_channel(1);
    // No other limit than this thread's end holds for a name's lookup: ureq's own would take a thread too, and panic where
    // the system gives none. For a proxy's name it does so all the same.
    let ask = move || {
        let answer = match Builder::new().spawn(|| ()).map(JoinHandle::join) {
            Ok(_) => request.call().map_err(reason),
            Err(error) => Err(Reason::NoThread(error)),
        };
        // Nobody waits any more for what comes late.
        let _ = send.send(answer);
    };
    Builder::new().spawn(ask).map_err(Reason::NoThread)?;
    answer.recv_timeout(wait).unwrap_or(Err(Reason::Late(wait)))
}

/// Why a request has no answer that can be used.
fn reason(error: ureq::Error) -> Reason {
    use ureq::Error;
    match error {
        Error::StatusCode(status) => Reason::Status(status),
        // So rustls tells of a certificate that it does not trust.
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Reason::Unusable(error),
        Error::Io(_) | Error::Timeout(_) | Error::HostNotFound | Error::ConnectionFailed => {
            Reason::NoAnswer(error.into_io())
        }
        Error::BadUri(_) | Error::Http(_) => Reason::Address(error.into_io()),
        other => Reason::Unusable(other.into_io()),
    }
}

/// Takes one file from a mirror's answer: the bytes as they came, and their verified decompressed content.
fn download(
    response: Response<Body>,
    file: &RemoteFile<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(Vec<u8>, Vec<u8>), Reason> {
    let total = response.body().content_length();
    let mut body = response.into_body().into_reader();
    let mut compressed = Vec::new();
    loop {
        let received = compressed.len() as u64;
        if received > MAX_DOWNLOAD {
            return Err(Reason::TooLong);
        }
        progress(Progress { name: file.name, received, total });
        match body.by_ref().take(CHUNK).read_to_end(&mut compressed) {
            Ok(0) => break,
            Ok(_) => {}
            Err(reason) => {
                let received = compressed.len() as u64;
                return Err(Reason::Cut { received, reason });
            }
        }
    }
    match file_kind(&compressed) {
        Some(kind) if !compressed.starts_with(&gzip::MAGIC) => return Err(Reason::Other(kind)),
        _ => {}
    }
    let content = unpack(file, &compressed)?;
    Ok((compressed, content))
}

/// Decompresses and verifies; a stream that gives more than it should is left at that.
fn unpack(file: &RemoteFile<'_>, compressed: &[u8]) -> Result<Vec<u8>, Reason> {
    if let Sum::Compressed(sum) = file.sum
        && sha256(compressed) != sum
    {
        return Err(Reason::Content);
    }
    let mut content = Vec::new();
    gzip::Unpacked::new(compressed)
        .take(file.bytes.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(Reason::Gzip)?;
    let is_known = match file.sum {
        Sum::Content(sum) => sha256(&content) == sum,
        Sum::Compressed(_) => true,
    };
    if is_known && content.len() as u64 == file.bytes { Ok(content) } else { Err(Reason::Content) }
}

/// SHA-256 in the form of [`Sum`].
#[must_use]
pub fn sha256(content: &[u8]) -> String {
    shown(&Sha256::digest(content))
}

/// SHA-256 of what is written.
///
/// # Errors
/// Those of `write`.
pub fn sha256_of(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<String> {
    struct Hash(Sha256);

    impl Write for Hash {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut hash = Hash(Sha256::new());
    write(&mut hash)?;
    Ok(shown(&hash.0.finalize()))
}

fn shown(digest: &[u8]) -> String {
    let halves = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        for url in ["http://127.0.0.1:80/a/", "http://localhost/a", "https://[::1]:8/", "http://127.1.2.3/"] {
            assert!(is_local(url), "{url}");
        }
        for url in
            ["http://example.org/127.0.0.1", "https://10.0.0.1/", "http://localhost.example.org/", "nonsense", ""]
        {
            assert!(!is_local(url), "{url}");
        }
    }

    #[test]
    fn one_reason_of_several_mirrors_is_said_once() {
        let failure = |url: &str, reason| Failure { url: url.to_owned(), reason };
        let failures =
            vec![failure("a", Reason::Status(404)), failure("b", Reason::Content), failure("c", Reason::Status(404))];
        let error = Error::Download { failures };
        let expected = "it cannot be downloaded: a and c: HTTP 404; b: wrong content (not the expected SHA-256); ";
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.details().len(), 3);
        let brief = "it cannot be downloaded (3 mirrors: HTTP 404, wrong content (not the expected SHA-256))";
        assert_eq!(error.brief(), brief);
        let slow = || Reason::Late(Duration::from_secs(1));
        let error = Error::Download { failures: vec![failure("a", slow()), failure("b", slow())] };
        assert_eq!(error.brief(), "it cannot be downloaded (2 mirrors: no answer)");
    }

    #[test]
    fn sha256_is_the_standard_one() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        let written = sha256_of(|out| out.write_all(b"a").and_then(|()| out.write_all(b"bc")));
        assert_eq!(written.unwrap(), abc);
    }
}

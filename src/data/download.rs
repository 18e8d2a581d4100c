//! Files of a data set, from the user's cache or else from a mirror.
//!
//! The SHA-256 of every file is checked, in the cache too. A file is written to the cache as soon as it is verified, so an
//! interrupted download goes on with the next file.

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

/// The time limit for each of these: a mirror's address, a connection, an answer, and a pause within a file.
const EACH_WAIT: Duration = Duration::from_secs(10);
/// The time limit for the first answers of all mirrors together, for a user who did not ask for the files.
const SHORT_WAIT: Duration = Duration::from_secs(3);

/// The most bytes of a download. The largest known file has less than half of them.
const MAX_DOWNLOAD: u64 = 64 << 20;

/// Bytes between two reports of progress.
const CHUNK: u64 = 64 << 10;

/// A file, `<name>.gz` in the cache and at a mirror, and its expected content.
#[derive(Clone, Copy, Debug)]
pub struct RemoteFile<'a> {
    /// Its name without `.gz`.
    pub name: &'a str,
    /// Length of the decompressed content.
    pub bytes: u64,
    /// Its checksum.
    pub sum: Sum<'a>,
}

/// A SHA-256 in lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub enum Sum<'a> {
    /// Of the decompressed content. Any compression is accepted.
    Content(&'a str),
    /// Of the compressed file, as published.
    Compressed(&'a str),
}

/// The time limits of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For files that the user asked for: 10 s each for a mirror's address, a connection and its answer.
    Long,
    /// For files that the user did not ask for: 3 s for the first answers of all mirrors together.
    Short,
}

/// The progress of a file's download.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Name of the file.
    pub name: &'a str,
    /// Bytes received.
    pub received: u64,
    /// Bytes to receive, if the mirror announced them.
    pub total: Option<u64>,
}

/// A download that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is not in the cache, and no mirror was given.
    #[error("{}; download it once, or give a folder of data", missing(cache.as_deref(), name))]
    NotCached {
        /// The folder of the cache, if there is one.
        cache: Option<PathBuf>,
        /// The file.
        name: String,
    },
    /// No mirror gave a file that is not in the cache.
    #[error("it cannot be downloaded: {}; {}give another mirror or a folder of data", join(failures), advice(failures))]
    Download {
        /// The failure of each mirror.
        failures: Vec<Failure>,
    },
}

/// The failure of a mirror.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {reason}")]
pub struct Failure {
    /// Address of the requested file.
    pub url: String,
    /// The reason.
    pub reason: Reason,
}

/// The reason of a mirror's failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// No answer: no such host, no connection, or a time-out of a connection.
    #[error("no answer ({0})")]
    NoAnswer(io::Error),
    /// No answer within the time limit.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// An invalid address.
    #[error("no http:// or https:// address ({0})")]
    Address(io::Error),
    /// An answer that is not trusted or not understood.
    #[error("no usable answer ({0})")]
    Unusable(io::Error),
    /// The system gave no thread for the request.
    #[error("no thread to ask it in ({0}); allow more threads")]
    NoThread(io::Error),
    /// An HTTP status other than success.
    #[error("HTTP {0}")]
    Status(u16),
    /// The connection ended within the file.
    #[error("cut after {received} bytes ({reason})")]
    Cut {
        /// Bytes received before.
        received: u64,
        /// The connection's error.
        reason: io::Error,
    },
    /// The answer is longer than any of the files.
    #[error("more than {MAX_DOWNLOAD} bytes")]
    TooLong,
    /// The answer cannot be decompressed.
    #[error("broken gzip data ({0})")]
    Gzip(io::Error),
    /// The answer is another kind of file, such as the login page of a network.
    #[error("not the file but {0}")]
    Other(FileKind),
    /// The content has another length or another SHA-256.
    #[error("wrong content (not the expected SHA-256)")]
    Content,
}

impl Error {
    /// The error in a few words, without addresses and folders.
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

    /// The full error, a line for each mirror.
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
            Self::NoAnswer(_) | Self::Timeout(_) => "no answer".to_owned(),
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

fn missing(cache: Option<&Path>, name: &str) -> String {
    match cache {
        Some(cache) => format!("{} holds no valid {name}.gz", cache.display()),
        None => format!("there is no folder to keep {name}.gz in, as there is no home folder"),
    }
}

/// Every address with its reason. Addresses with the same reason share one entry.
fn join(failures: &[Failure]) -> String {
    let groups = grouped(failures.iter().map(|Failure { url, reason }| (reason.to_string(), url.as_str())));
    let each: Vec<String> = groups.iter().map(|(reason, urls)| format!("{}: {reason}", urls.join(" and "))).collect();
    each.join("; ")
}

/// Names the network if a mirror could not be reached.
fn advice(failures: &[Failure]) -> &'static str {
    let may_be_network =
        |failure: &Failure| matches!(failure.reason, Reason::NoAnswer(_) | Reason::Timeout(_) | Reason::Cut { .. });
    if failures.iter().any(may_be_network) { "check the network, or " } else { "" }
}

/// The files of a download.
#[derive(Debug)]
pub struct Fetched<const N: usize> {
    /// Their verified contents, decompressed.
    pub contents: [Vec<u8>; N],
    /// The count of downloaded files. The others were in the cache.
    pub downloaded: usize,
    /// The first file that could not be written to the cache.
    pub cache_error: Option<CacheError>,
}

/// A verified file that could not be written to the cache.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written ({reason}), so it will be downloaded again; make room, or make the folder writable", path.display())]
pub struct CacheError {
    /// The file.
    pub path: PathBuf,
    /// The system's error.
    pub reason: io::Error,
}

/// Returns the decompressed contents of `files`, in their order. Each comes from the folder `cache`, or else from the first of
/// the `mirrors` that has it. A mirror that fails once, or exceeds the time limit of `patience`, is not asked again. Without
/// mirrors, only the cache is read.
///
/// Mirrors are `https://` or `http://` addresses. The proxy of the environment (`HTTPS_PROXY`, `NO_PROXY` and so on) is used,
/// but not for a mirror on this machine.
///
/// # Errors
/// When a file is neither in the cache nor at a mirror.
pub fn fetch<const N: usize>(
    files: &[RemoteFile<'_>; N],
    cache: Option<&Path>,
    mirrors: &[&str],
    patience: Patience,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Fetched<N>, Error> {
    let mut contents = threads::map_array(files.each_ref(), |file| read_cached(file, cache?));
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
                    let written = cache.map(|cache| write_cached(file, cache, &compressed)).transpose();
                    cache_error = cache_error.or(written.err());
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

/// The content of a file in the cache, if it is there and verified.
fn read_cached(file: &RemoteFile<'_>, cache: &Path) -> Option<Vec<u8>> {
    let path = cached_path(file, cache);
    let length = fs::metadata(&path).ok()?.len();
    if length > MAX_DOWNLOAD { None } else { unpack(file, &fs::read(path).ok()?).ok() }
}

fn write_cached(file: &RemoteFile<'_>, cache: &Path, compressed: &[u8]) -> Result<(), CacheError> {
    let path = cached_path(file, cache);
    fs::create_dir_all(cache)
        .and_then(|()| write_atomic(&path, |out| out.write_all(compressed)))
        .map_err(|reason| CacheError { path, reason })
}

fn agent() -> Agent {
    Agent::config_builder()
        .timeout_connect(Some(EACH_WAIT))
        .timeout_recv_response(Some(EACH_WAIT))
        .timeout_per_read(Some(EACH_WAIT))
        .build()
        .new_agent()
}

/// Whether an address is on this machine. A proxy cannot reach it.
fn is_local(url: &str) -> bool {
    let address: Option<Uri> = url.parse().ok();
    let host = address.as_ref().and_then(Uri::host).unwrap_or_default();
    let number = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || number.is_ok_and(|number| number.is_loopback())
}

/// Requests a file, and waits at most `wait` for the beginning of the answer.
fn ask(agent: &Agent, url: &str, wait: Duration) -> Result<Response<Body>, Reason> {
    let request = agent.get(url);
    let request = if is_local(url) { request.config().proxy(None).build() } else { request };
    let (send, answer) = sync_channel(1);
    // The lookup of a host's name has no time limit of its own. (ureq's limit takes a thread too, and panics if the system
    // gives none; for a proxy's name it does so anyway.) So the request runs in this thread, which is left alone when late.
    let ask = move || {
        let answer = match Builder::new().spawn(|| ()).map(JoinHandle::join) {
            Ok(_) => request.call().map_err(reason),
            Err(error) => Err(Reason::NoThread(error)),
        };
        // After a time-out the receiver is gone.
        let _ = send.send(answer);
    };
    Builder::new().spawn(ask).map_err(Reason::NoThread)?;
    answer.recv_timeout(wait).unwrap_or(Err(Reason::Timeout(wait)))
}

/// The reason of a failed request.
fn reason(error: ureq::Error) -> Reason {
    use ureq::Error;
    match error {
        Error::StatusCode(status) => Reason::Status(status),
        // The error of rustls for a certificate that it does not trust.
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Reason::Unusable(error),
        Error::Io(_) | Error::Timeout(_) | Error::HostNotFound | Error::ConnectionFailed => {
            Reason::NoAnswer(error.into_io())
        }
        Error::BadUri(_) | Error::Http(_) => Reason::Address(error.into_io()),
        other => Reason::Unusable(other.into_io()),
    }
}

/// Reads a file from a mirror's answer. Returns the compressed bytes and their verified decompressed content.
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

/// Decompresses and verifies a file. A stream that is too long is not read to its end.
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

/// SHA-256 in lower-case hexadecimal digits.
#[must_use]
pub fn sha256(content: &[u8]) -> String {
    hexadecimal(&Sha256::digest(content))
}

/// SHA-256 of the bytes that `write` writes.
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
    Ok(hexadecimal(&hash.0.finalize()))
}

fn hexadecimal(digest: &[u8]) -> String {
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
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
    fn mirrors_with_the_same_reason_share_an_entry() {
        let failure = |url: &str, reason| Failure { url: url.to_owned(), reason };
        let failures =
            vec![failure("a", Reason::Status(404)), failure("b", Reason::Content), failure("c", Reason::Status(404))];
        let error = Error::Download { failures };
        let expected = "it cannot be downloaded: a and c: HTTP 404; b: wrong content (not the expected SHA-256); ";
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.details().len(), 3);
        let brief = "it cannot be downloaded (3 mirrors: HTTP 404, wrong content (not the expected SHA-256))";
        assert_eq!(error.brief(), brief);
        let slow = || Reason::Timeout(Duration::from_secs(1));
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

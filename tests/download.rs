//! Downloads from mirrors into the cache. The mirrors are small servers on this machine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::iter;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use twolayer::data::download::{self, Error, Failure, Fetched, Patience, Reason, RemoteFile, Sum};

/// The contents of the files. The first is larger than one report of progress.
fn contents() -> [Vec<u8>; 3] {
    let noise = iter::successors(Some(1_u32), |&x| Some(x.wrapping_mul(1_664_525).wrapping_add(1)));
    let noise = noise.map(|x| x.to_be_bytes()[0]).take(200_000);
    [noise.collect(), b"second".to_vec(), b"third".to_vec()]
}

const NAMES: [&str; 3] = ["first", "second", "third"];

/// The checksums of the contents.
static SUMS: LazyLock<[String; 3]> = LazyLock::new(|| contents().each_ref().map(|content| download::sha256(content)));

fn files() -> [RemoteFile<'static>; 3] {
    let lengths = contents().map(|content| content.len() as u64);
    [0, 1, 2].map(|i| RemoteFile { name: NAMES[i], bytes: lengths[i], sum: Sum::Content(&SUMS[i]) })
}

/// Fetches the three files.
fn fetch(cache: &Path, mirrors: &[&str]) -> Result<[Vec<u8>; 3], Error> {
    fetch_reporting(cache, mirrors, &mut |_| {})
}

fn fetch_reporting(
    cache: &Path,
    mirrors: &[&str],
    progress: &mut dyn FnMut(download::Progress<'_>),
) -> Result<[Vec<u8>; 3], Error> {
    let fetched = fetch_files(Some(cache), mirrors, progress)?;
    assert!(fetched.cache_error.is_none());
    Ok(fetched.contents)
}

fn fetch_files(
    cache: Option<&Path>,
    mirrors: &[&str],
    progress: &mut dyn FnMut(download::Progress<'_>),
) -> Result<Fetched<3>, Error> {
    download::fetch(&files(), cache, mirrors, Patience::Long, progress)
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A server's answer to a request.
enum Answer {
    Body(Vec<u8>),
    Status(u16),
    /// Announces the body, sends half of it and hangs up.
    Cut(Vec<u8>),
    /// The same without announcing the length.
    CutUnannounced(Vec<u8>),
    HangUp,
    /// The right answer after 2 s.
    Late,
}

struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// A mirror that answers with the right files, except where `special` has another answer.
    fn start(special: impl Fn(&str) -> Option<Answer> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/some/folder/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let path = read_request(&stream);
                let name = path.trim_start_matches("/some/folder/").trim_end_matches(".gz");
                let mut answer = special(name).unwrap_or_else(|| right_answer(name));
                if matches!(answer, Answer::Late) {
                    answer = right_answer(name);
                    thread::sleep(Duration::from_secs(2));
                }
                seen.lock().unwrap().push(path);
                // A client that has read enough may close the connection early.
                let _ = send(&mut stream, answer);
            }
        });
        Self { url, requests }
    }

    /// A mirror without fault.
    fn good() -> Self {
        Self::start(|_| None)
    }

    /// The names of the files requested so far.
    fn requested(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let name = |path: &String| {
            let name = path.strip_prefix("/some/folder/").unwrap();
            name.strip_suffix(".gz").unwrap().to_owned()
        };
        requests.iter().map(name).collect()
    }
}

fn right_answer(name: &str) -> Answer {
    match NAMES.iter().position(|&known| known == name) {
        Some(i) => Answer::Body(gzip(&contents()[i])),
        None => Answer::Status(404),
    }
}

/// Reads up to the empty line. Returns the requested path.
fn read_request(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    assert!(lines.any(|line| line.is_empty()));
    path
}

fn send(stream: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    let (status, length, body) = match answer {
        Answer::Body(body) => (200, Some(body.len()), body),
        Answer::Status(status) => (status, Some(0), Vec::new()),
        Answer::Cut(body) => (200, Some(body.len()), body[..body.len() / 2].to_vec()),
        Answer::CutUnannounced(body) => (200, None, body[..body.len() / 2].to_vec()),
        Answer::HangUp | Answer::Late => return Ok(()),
    };
    write!(stream, "HTTP/1.1 {status} Said\r\nConnection: close\r\n")?;
    if let Some(length) = length {
        write!(stream, "Content-Length: {length}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&body)
}

/// An address at which nothing listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn cached_names(cache: &Path) -> Vec<String> {
    let entries = fs::read_dir(cache).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The failures of a fetch for which every mirror fails.
fn failures(cache: &Path, mirrors: &[&str]) -> Vec<Failure> {
    match fetch(cache, mirrors) {
        Err(Error::Download { failures }) => failures,
        other => panic!("not a failed download: {other:?}"),
    }
}

/// Fetches from a mirror that answers `answer` for the second file, and from a good mirror. The first file comes from the
/// first mirror, the others from the second. Returns the first mirror's failure.
fn next_mirror_after(answer: impl Fn() -> Answer + Send + 'static) -> Reason {
    let cache = TempDir::new().unwrap();
    let bad = Server::start(move |name| (name == "second").then(&answer));
    let reason = failures(cache.path(), &[&bad.url]).remove(0).reason;
    assert_eq!(bad.requested(), ["first", "second"]);
    assert_eq!(cached_names(cache.path()), ["first.gz"]);

    let good = Server::good();
    assert_eq!(fetch(cache.path(), &[&bad.url, &good.url]).unwrap(), contents());
    assert_eq!(bad.requested(), ["first", "second", "second"]);
    assert_eq!(good.requested(), ["second", "third"]);
    reason
}

#[test]
fn fetches_once_and_then_reads_the_cache() {
    let cache = TempDir::new().unwrap();
    let folder = cache.path().join("made/on/the/way");
    let server = Server::good();
    assert_eq!(fetch(&folder, &[&server.url]).unwrap(), contents());
    assert_eq!(cached_names(&folder), ["first.gz", "second.gz", "third.gz"]);
    assert_eq!(fetch(&folder, &[&server.url]).unwrap(), contents());
    assert_eq!(fetch(&folder, &[]).unwrap(), contents());
    assert_eq!(server.requested(), NAMES);
}

#[test]
fn a_second_start_fetches_only_what_is_missing() {
    let cache = TempDir::new().unwrap();
    fs::write(cache.path().join("first.gz"), gzip(&contents()[0])).unwrap();
    let server = Server::good();
    // The last slash of an address is optional.
    let url = server.url.trim_end_matches('/');
    assert_eq!(fetch(cache.path(), &[url]).unwrap(), contents());
    assert_eq!(server.requested(), ["second", "third"]);
}

#[test]
fn a_wrong_file_in_the_cache_is_fetched_again() {
    let right = gzip(&contents()[1]);
    for wrong in [gzip(b"forged"), right[..right.len() - 1].to_vec(), Vec::new()] {
        let cache = TempDir::new().unwrap();
        for (name, content) in NAMES.iter().zip(contents()) {
            fs::write(cache.path().join(format!("{name}.gz")), gzip(&content)).unwrap();
        }
        fs::write(cache.path().join("second.gz"), wrong).unwrap();
        let server = Server::good();
        assert!(matches!(fetch(cache.path(), &[]), Err(Error::NotCached { .. })));
        assert_eq!(fetch(cache.path(), &[&server.url]).unwrap(), contents());
        assert_eq!(server.requested(), ["second"]);
    }
}

#[test]
fn a_wrong_content_sends_to_the_next_mirror() {
    // Of the right length, too long, and so long that it is not decompressed to its end.
    for wrong in [b"sECOND".to_vec(), b"second and more".to_vec(), vec![0; 10 << 20]] {
        let body = gzip(&wrong);
        let reason = next_mirror_after(move || Answer::Body(body.clone()));
        assert!(matches!(reason, Reason::Content), "{reason:?}");
    }
}

#[test]
fn a_file_known_by_its_compressed_bytes_must_be_those() {
    let published = gzip(b"second");
    let sum = download::sha256(&published);
    let file = |sum| [RemoteFile { name: "second", bytes: 6, sum }];
    let fetch = |cache: &Path, mirrors: &[&str], sum| {
        download::fetch(&file(sum), Some(cache), mirrors, Patience::Long, &mut |_| {})
    };
    let cache = TempDir::new().unwrap();
    let server = Server::good();
    let fetched = fetch(cache.path(), &[&server.url], Sum::Compressed(&sum)).unwrap();
    assert_eq!(fetched.contents, [b"second"]);
    fetch(cache.path(), &[], Sum::Compressed(&sum)).unwrap();
    // The same content, compressed otherwise.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(b"second").unwrap();
    fs::write(cache.path().join("second.gz"), encoder.finish().unwrap()).unwrap();
    assert!(matches!(fetch(cache.path(), &[], Sum::Compressed(&sum)), Err(Error::NotCached { .. })));
    let content = download::sha256(b"second");
    fetch(cache.path(), &[], Sum::Content(&content)).unwrap();
}

#[test]
fn what_is_no_gzip_sends_to_the_next_mirror() {
    let reason = next_mirror_after(|| Answer::Body(b"<html>Log in first</html>".to_vec()));
    assert_eq!(reason.to_string(), "not the file but a web page");
    let reason = next_mirror_after(|| Answer::Body(b"nothing that is known".to_vec()));
    assert!(matches!(reason, Reason::Gzip(_)), "{reason:?}");
}

#[test]
fn an_endless_body_sends_to_the_next_mirror() {
    let reason = next_mirror_after(|| Answer::Body(vec![0; 65 << 20]));
    assert!(matches!(reason, Reason::TooLong), "{reason:?}");
}

#[test]
fn a_403_sends_to_the_next_mirror() {
    let reason = next_mirror_after(|| Answer::Status(403));
    assert!(matches!(reason, Reason::Status(403)), "{reason:?}");
}

#[test]
fn a_cut_body_sends_to_the_next_mirror() {
    let body = gzip(&contents()[1]);
    let half = body.len() as u64 / 2;
    let reason = next_mirror_after(move || Answer::Cut(body.clone()));
    assert!(matches!(reason, Reason::Cut { received, .. } if received == half), "{reason:?}");
    let reason = next_mirror_after(|| Answer::CutUnannounced(gzip(&contents()[1])));
    assert!(matches!(reason, Reason::Gzip(_)), "{reason:?}");
}

#[test]
fn a_hang_up_sends_to_the_next_mirror() {
    let reason = next_mirror_after(|| Answer::HangUp);
    assert!(matches!(reason, Reason::NoAnswer(_)), "{reason:?}");
}

#[test]
fn a_slow_mirror_is_given_up_only_with_short_patience() {
    let late = || Server::start(|name| (name == "first").then_some(Answer::Late));
    let fetch = |mirrors: &[&str], patience| {
        let cache = TempDir::new().unwrap();
        download::fetch(&files(), Some(cache.path()), mirrors, patience, &mut |_| {})
    };
    let (slow, good) = (late(), Server::good());
    assert_eq!(fetch(&[&slow.url, &good.url], Patience::Short).unwrap().contents, contents());
    assert_eq!(good.requested(), NAMES);
    let (slow, good) = (late(), Server::good());
    assert_eq!(fetch(&[&slow.url, &good.url], Patience::Long).unwrap().contents, contents());
    assert_eq!(slow.requested(), NAMES);
    assert_eq!(good.requested(), [""; 0]);
    // Each mirror has its own reason.
    match fetch(&[&late().url, &nowhere()], Patience::Short) {
        Err(Error::Download { failures }) => {
            assert!(matches!(failures[0].reason, Reason::Timeout(wait) if wait == Duration::from_millis(1500)));
            assert!(matches!(failures[1].reason, Reason::NoAnswer(_)), "{:?}", failures[1]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn downloaded_files_are_counted() {
    let cache = TempDir::new().unwrap();
    fs::write(cache.path().join("second.gz"), gzip(&contents()[1])).unwrap();
    let server = Server::good();
    let downloaded = || fetch_files(Some(cache.path()), &[&server.url], &mut |_| {}).unwrap().downloaded;
    assert_eq!([downloaded(), downloaded()], [2, 0]);
}

#[test]
fn when_all_fail_each_mirror_is_named_with_its_reason() {
    let cache = TempDir::new().unwrap();
    let forbidden = Server::start(|_| Some(Answer::Status(403)));
    let cut = Server::start(|_| Some(Answer::Cut(gzip(&contents()[0]))));
    let forged = Server::start(|_| Some(Answer::Body(gzip(b"forged"))));
    let nowhere = nowhere();
    let mirrors = [&forbidden.url, &cut.url, &forged.url, &nowhere].map(String::as_str);
    let error = fetch(cache.path(), &mirrors).unwrap_err().to_string();
    for (mirror, reason) in mirrors.into_iter().zip(["HTTP 403", "cut after", "wrong content", "no answer"]) {
        let place = error.find(mirror).unwrap_or_else(|| panic!("{mirror} is not in: {error}"));
        assert!(error[place..].contains(reason), "{reason} is not in: {error}");
    }
    assert!(!error.contains('\n'), "{error}");
    assert_eq!(cached_names(cache.path()), [""; 0]);
    for server in [forbidden, cut, forged] {
        assert_eq!(server.requested(), ["first"]);
    }
}

#[test]
fn invalid_addresses_are_an_error() {
    let cache = TempDir::new().unwrap();
    for address in ["", "no address", "http://", "ftp://127.0.0.1/"] {
        let told = fetch(cache.path(), &[address]).unwrap_err().to_string();
        assert!(!told.contains("check the network"), "{told}");
        let reason = &failures(cache.path(), &[address])[0].reason;
        assert!(!matches!(reason, Reason::NoAnswer(_)), "{address}: {reason}");
    }
}

#[test]
fn files_are_used_even_if_the_cache_cannot_be_written() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let server = Server::good();
    let fetch = |cache| fetch_files(cache, &[&server.url], &mut |_| {}).unwrap();
    let fetched = fetch(Some(file.as_path()));
    assert_eq!(fetched.contents, contents());
    assert!(fetched.cache_error.unwrap().path.starts_with(&file));
    let fetched = fetch(None);
    assert_eq!(fetched.contents, contents());
    assert!(fetched.cache_error.is_none());
}

#[test]
fn progress_of_every_file_reaches_its_end() {
    let cache = TempDir::new().unwrap();
    let server = Server::good();
    let mut reports = Vec::new();
    let mut note = |progress: download::Progress<'_>| {
        reports.push((progress.name.to_owned(), progress.received, progress.total));
    };
    fetch_reporting(cache.path(), &[&server.url], &mut note).unwrap();
    for (name, content) in NAMES.into_iter().zip(contents()) {
        let length = gzip(&content).len() as u64;
        let of_file: Vec<_> = reports.iter().filter(|report| report.0 == name).collect();
        assert!(of_file.iter().all(|report| report.2 == Some(length)));
        assert!(of_file.is_sorted_by_key(|report| report.1));
        assert_eq!(of_file.first().unwrap().1, 0);
        assert_eq!(of_file.last().unwrap().1, length);
    }
    assert!(reports.iter().filter(|report| report.0 == "first").count() > 2);
}

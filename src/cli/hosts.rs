//! What each machine of an MPI job finds.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;
use crate::peers::Ranks;

/// What this process finds; or on the first of several ranks what all machines find, put together, and on the others nothing.
/// `name` puts a machine's name into what was found there, if there are several, and `add` adds that of another.
pub(super) fn on_each_host<T: Serialize + DeserializeOwned>(
    ranks: Option<&mut Ranks>,
    work: impl FnOnce() -> Result<T, Error>,
    name: impl Fn(&mut T, &str),
    add: impl Fn(&mut T, T),
) -> Result<Option<T>, Error> {
    let Some(ranks) = ranks else { return work().map(Some) };
    let mut found = from_each_host(ranks, work)?;
    if found.len() > 1 {
        for (host, found) in &mut found {
            name(found, host);
        }
    }
    let all = found.into_iter().map(|(_, found)| found);
    Ok(all.reduce(|mut all, other| {
        add(&mut all, other);
        all
    }))
}

/// The results of each machine with its name, on the first rank; on the others nothing. One rank of each machine works, while its
/// others sleep. From here on no rank waits for another.
fn from_each_host<T: Serialize + DeserializeOwned>(
    ranks: &mut Ranks,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<Vec<(String, T)>, Error> {
    let own = if ranks.local().rank == 0 { serde_json::to_string(&(ranks.host(), work()?))? } else { String::new() };
    ranks.wait();
    let all = ranks.gather(&own);
    ranks.end();
    let of_hosts = all.iter().filter(|text| !text.is_empty()).map(|text| serde_json::from_str(text));
    Ok(of_hosts.collect::<Result<_, _>>()?)
}

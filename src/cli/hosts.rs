//! What each machine of an MPI job finds.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;
use crate::peers::Ranks;

/// The results of each machine with its name, on the first rank; on the others nothing. One rank of each machine works, while its
/// others sleep. From here on no rank waits for another.
pub(super) fn from_each_host<T: Serialize + DeserializeOwned>(
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

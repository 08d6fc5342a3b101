//! Open files: the connection of each user is one, and a process may have only so many.

use std::{error::Error, io};

use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
};

/// Open files beside those of the users: the terminal, the report, the runtime, the connections to the database
/// and to AWS, and room for what is being closed.
const BESIDE: u64 = 100;

/// Open files of one user at the most: its connection, and while its client looks a name up, the resolver's
/// own. A look-up that finds no file left may fail as if the network had.
const EACH: u64 = 3;

/// Why the users can't all have their connections.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorsError {
    /// The process may not have so many open files.
    #[error(
        "{users} users take {needed} open files, and this process may have {hard}: raise its hard limit \
         (ulimit -Hn), or give fewer users (--users)"
    )]
    TooFew {
        /// The users.
        users: u32,
        /// What they take.
        needed: u64,
        /// The hard limit.
        hard: u64,
    },
    /// The operating system did not let the limit be read or raised.
    #[error("the limit of open files can't be raised")]
    Limit(#[source] Errno),
}

/// Lets this process have as many open files as these users take, and where it may those that they take at
/// moments.
///
/// # Errors
/// [`DescriptorsError`] when it may not.
pub(crate) fn allow(users: u32) -> Result<(), DescriptorsError> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(DescriptorsError::Limit)?;
    match raised(users, soft, hard)? {
        Some(raised) => {
            setrlimit(Resource::RLIMIT_NOFILE, raised, hard).map_err(DescriptorsError::Limit)
        }
        None => Ok(()),
    }
}

/// What these users need the soft limit raised to, within the hard one.
fn raised(users: u32, soft: u64, hard: u64) -> Result<Option<u64>, DescriptorsError> {
    let needed = u64::from(users) + BESIDE;
    if hard < needed {
        return Err(DescriptorsError::TooFew { users, needed, hard });
    }
    let wanted = (u64::from(users) * EACH + BESIDE).min(hard);
    Ok((soft < wanted).then_some(wanted))
}

/// What this machine ran out of, when that is why a request could not be sent: no fault of the service's.
pub(crate) fn ran_out_of(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let causes = std::iter::successors(Some(error), |error| <dyn Error>::source(*error));
    let codes = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
    codes.map(Errno::from_raw).find_map(|errno| match errno {
        Errno::EMFILE => Some("the process's open files"),
        Errno::ENFILE => Some("the machine's open files"),
        Errno::EADDRNOTAVAIL => Some("the machine's ports"),
        Errno::ENOBUFS | Errno::ENOMEM => Some("the machine's memory"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("around")]
    struct Around(#[source] io::Error);

    #[test]
    fn there_is_room_for_looking_names_up_where_the_hard_limit_allows_it() {
        let raised = |users, soft, hard| raised(users, soft, hard).expect("enough");
        assert_eq!(raised(924, 1_024, 524_288), Some(2_872));
        assert_eq!(raised(924, 1_024, 2_000), Some(2_000));
        assert_eq!(raised(924, 1_024, 1_024), None);
        assert_eq!(raised(300, 1_024, 524_288), None);
        let few = super::raised(925, 1_024, 1_024);
        assert!(matches!(few, Err(DescriptorsError::TooFew { needed: 1_025, .. })), "{few:?}");
    }

    #[test]
    fn what_this_machine_lacks_is_told_from_what_the_service_does() {
        let of = |errno: Errno| ran_out_of(&Around(io::Error::from_raw_os_error(errno as i32)));
        assert_eq!(of(Errno::EMFILE), Some("the process's open files"));
        assert_eq!(of(Errno::EADDRNOTAVAIL), Some("the machine's ports"));
        for service in [Errno::ECONNREFUSED, Errno::ECONNRESET, Errno::ETIMEDOUT, Errno::EPIPE] {
            assert_eq!(of(service), None);
        }
        assert_eq!(ran_out_of(&Around(io::Error::other("no number"))), None);
    }
}

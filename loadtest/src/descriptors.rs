//! The limit of open files, which each user's connection needs, and other limits of this machine.

use std::{error::Error, io};

use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
};

/// Open files besides those of the users: the terminal, the report, the runtime, the connections to the database and to
/// AWS, and a reserve for files that are being closed.
const OTHERS: u64 = 100;

/// The most open files of one user: its connection, and the resolver's during a name look-up. A look-up without a free
/// file may look like a failure of the network.
const PER_USER: u64 = 3;

/// Why the limit of open files is too low.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DescriptorsError {
    #[error(
        "{users} users need {needed} open files, and this process may have {hard}: raise its hard limit \
         (ulimit -Hn), or use fewer users (--users)"
    )]
    TooFew { users: u32, needed: u64, hard: u64 },
    #[error("the limit of open files can't be raised")]
    Limit(#[source] Errno),
}

/// Raises this process's limit of open files for these users, if possible including name look-ups.
pub(crate) fn allow(users: u32) -> Result<(), DescriptorsError> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(DescriptorsError::Limit)?;
    match raised(users, soft, hard)? {
        Some(raised) => {
            setrlimit(Resource::RLIMIT_NOFILE, raised, hard).map_err(DescriptorsError::Limit)
        }
        None => Ok(()),
    }
}

/// The new soft limit, within the hard one; `None` when it is high enough.
fn raised(users: u32, soft: u64, hard: u64) -> Result<Option<u64>, DescriptorsError> {
    let needed = u64::from(users) + OTHERS;
    if hard < needed {
        return Err(DescriptorsError::TooFew { users, needed, hard });
    }
    let wanted = (u64::from(users) * PER_USER + OTHERS).min(hard);
    Ok((soft < wanted).then_some(wanted))
}

/// The resource that this machine lacked, if that is why a request could not be sent.
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

//! What a holder need not keep in mind.

use crate::mail::Mail;
use crate::phase::Phase;
use crate::script::{Kind, Script};
use crate::shards::ShardSet;
use crate::state::Holder;

/// What will never be looked at again makes no two states different.
pub(crate) fn forget(script: &Script, holder: &mut Holder) {
    if !matches!(holder.phase, Phase::Asking | Phase::Holding) {
        let none = ShardSet::default();
        let mail = Mail { granted: none, granted_before: none, refused: false, ..holder.mail };
        holder.mail = mail;
    }
    if !script.without_deadline || holder.hung_up() {
        holder.heard = 0;
    }
    if holder.hung_up() {
        holder.statements = 0;
        holder.keeping = holder.keeping.given_up();
    }
    if !matches!(holder.phase, Phase::Kept | Phase::Renewing | Phase::Woken) {
        holder.keeping.until = 0;
    }
    let over = holder.phase == Phase::Released && script.kind != Kind::Anonymous;
    if over || script.kind == Kind::Newcomer {
        holder.asked = 0;
        holder.renewal_asked = 0;
    }
    if over {
        holder.renewals = 0;
        holder.mail = Mail { renewed: false, lost: false, ..holder.mail };
    }
}

//! Money: cash, the open position, what trading costs, and how much is bought.
//!
//! Amounts are in account currency unless a name says quote. The money of a position stays in quote currency until
//! the position is flat; costs leave the cash at once.
//!
//! * `account`: cash in account and in quote currency
//! * `costs`: commission and financing
//! * `position`: the open position with its levels
//! * `sizing`: the quantity of an opening order

pub(crate) mod account;
pub(crate) mod costs;
pub(crate) mod position;
pub(crate) mod sizing;

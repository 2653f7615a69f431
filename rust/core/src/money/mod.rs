//! Money: cash, the open position, the costs of trading and holding, and the quantity of an order.
//!
//! Amounts are in account currency unless a name says quote. The money of a position stays in quote currency until
//! the position is flat; costs leave the balance at once.
//!
//! * `account`: the balance in account currency, and the money of the open position
//! * `costs`: commission and financing
//! * `holding`: open units between two fills: charges, equity, the price of liquidation
//! * `position`: the open position with its levels and excursions
//! * `sizing`: the quantity of an opening order
//! * `tick`: the grid of prices that an instrument trades at

pub(crate) mod account;
pub(crate) mod costs;
pub(crate) mod holding;
pub(crate) mod position;
pub(crate) mod sizing;
pub(crate) mod tick;

//! The fast path: many bars at once, with the bits that `engine::bar` gives one by one.
//!
//! # Contract
//!
//! A row may be skipped only if the table has a case for it. Whatever is not certain goes to `BarStep::step`.
//!
//! | case | skipped | why the bits are equal | margin | test |
//! | --- | --- | --- | --- | --- |
//! | no order can be placed: no order pending, no candidate signal, no deadline | decision | `first_candidate` names every row that `judge` could let pass; `free_from_ns` and `deadline` are the same comparisons | none: comparisons of integers and of stored `f32` | `fast_equals_stepping` |
//! | the row that decides, `next_open` | the order is placed after the mark | an order that waits for the next open changes nothing else of its bar | none | `fast_equals_stepping` |
//! | a chain: rules without levels and charges, `next_open`, one order after the other | everything of a row but its fill, its mark and its decision | `follows_signals` leaves only signals to place orders; bits name the rows that `judge` lets pass; legs, positions and rows of fills are made by the same functions; a round trip that is not certain is left to `Trading` | `CLEARLY_ABOVE` and `TICK_SLACKS`, for liquidation | `a_chain_of_fills_equals_stepping`, `bits_equal_a_look_at_each_row` |
//! | a chain on one thread, its books on another | nothing: sums and rows of the ledger come later | the same functions write the same notes in the same order; nothing that decides a fill is read from books | none: exact | `books_of_other_threads_equal_those_of_single_bars` |
//! | flat | financing, exits, trailing; equity is written once | `balance + rate * (0 + 0 * price)` is the balance | none: exact | `a_run_of_bars_equals_single_bars_to_the_bit` |
//! | held without levels or charges | financing, exits, trailing; high and low are taken from `ranges` | minimum and maximum do not round, so their order does not matter; the mark is the same expression | none: exact | `known_ranges_equal_a_scan` |
//! | held without charges, with a stop or a level of liquidation that stays where it is | the same as without levels, for all rows at once | `is_untouched` compares their lowest and highest price with the level: no row between them touches it | `CLEARLY_ABOVE` and `TICK_SLACKS` | `fast_equals_stepping` |
//! | held with levels or charges, one row | exits | `touches_nothing` compares the same prices with the same levels, by the same `Bounds` | `CLEARLY_ABOVE` and `TICK_SLACKS`: liquidation is compared as equity, without the division that defines its price | `lanes_leave_what_single_bars_leave`, `fast_equals_stepping` |
//! | held with levels or charges, eight rows | exits, one check of the extreme prices for all | the trailing stop is checked where it ends, nearer to the market than at any of the rows, also on its tick; charges are subtracted in row order | the same | `lanes_leave_the_edge_of_liquidation_alone`, `lanes_leave_the_tick_of_liquidation_alone` |
//! | rows per bar are let go: flat, or held without charges and conversion rates, 64 rows or more of a chain | the equity of each row | equity rises with the close, also after rounding: extremes of closes are extremes of equity, and a row that counts is computed as by itself | none: exact | `long_spans_without_a_curve_have_the_figures_of_one_with_it` |
//! | drawdown of 64 points below the peak | peak and trough of each | a fall never shrinks as equity falls, also after rounding: the first of the deepest is the worst | `NEARLY`, which spares divisions | `blocks_equal_single_bars_to_the_bit` |
//! | drawdown of 64 points | peak and trough of each | the deepest fall of any order stays below the worst so far | `CLEARLY_BELOW` | `blocks_equal_single_bars_to_the_bit` |
//! | benchmark, 128 to 8,192 rows | the mark of each | equity rises with the close, also after rounding, so extremes of closes are extremes of equity | `CLEARLY_BELOW` | `buying_and_holding_has_a_closed_form`, `fast_equals_stepping` |
//!
//! `fast_equals_stepping` and `every_block_size_gives_the_same_bits` compare every case with the definition: state,
//! ledger and metrics, over drawn worlds, with blocks from one row on.
//!
//! # Files
//!
//! * `look`: all that the columns of a block tell before a row of it is simulated
//! * `ahead`: threads beside the run, which look at blocks before it comes to them
//! * `ranges`: the first scan of a block: check, minimum and maximum of 64 rows
//! * `chain`: fills that follow from signals alone, one after the other
//! * `decisions`: what became of the signals on the rows of a chain
//! * `books`: what the fills of a chain leave in metrics and ledger
//! * `notes`: the same as notes, which are posted later
//! * `behind`: the notes that the threads beside the run post
//! * `quiet`: rows at which no order is pending and none is placed
//! * `hold`: a position with levels or charges, eight rows at a time
//! * `curve`: equity that depends on the close alone, and its way to the metrics

pub(crate) mod ahead;
pub(crate) mod behind;
pub(crate) mod books;
pub(crate) mod chain;
pub(crate) mod curve;
pub(crate) mod decisions;
pub(crate) mod hold;
pub(crate) mod look;
pub(crate) mod notes;
pub(crate) mod quiet;
pub(crate) mod ranges;

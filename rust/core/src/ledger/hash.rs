//! Canonical hashes: over values, never over Arrow, Parquet or JSON bytes.

use std::ops::Range;

use blake3::Hasher;

use crate::ledger::tables::{Decisions, Fills, Ledger, Refused, Trades};
use crate::market::bars::Bars;

/// Rows that are hashed together, so that a hash does not depend on when it was asked for.
pub const PAGE_ROWS: usize = 4_096;

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// A hash over parts, each preceded by its length.
#[derive(Debug, Default)]
pub struct Content(Hasher);

impl Content {
    /// Adds a part.
    pub fn add(&mut self, part: &[u8]) -> &mut Self {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// The hash of all parts.
    #[must_use]
    pub fn finish(&self) -> Hash {
        *self.0.finalize().as_bytes()
    }
}

/// The identity of a run: over its named parts, in their order.
#[must_use]
pub fn identity(parts: &[(String, Hash)]) -> Hash {
    let mut content = Content::default();
    content.add(b"ktrdr-identity-1");
    for (name, hash) in parts {
        content.add(name.as_bytes()).add(hash);
    }
    content.finish()
}

/// Writes columns of one table, little-endian, in a fixed order.
pub struct Writer<'h>(&'h mut Hasher);

/// Values gathered before they are handed to the hasher: it is fast only on long inputs.
const GATHERED: usize = 512;

impl Writer<'_> {
    fn packed<T: Copy, const N: usize>(&mut self, values: &[T], encode: impl Fn(T) -> [u8; N]) -> &mut Self {
        let mut bytes = Vec::with_capacity(GATHERED * N);
        for part in values.chunks(GATHERED) {
            bytes.clear();
            part.iter().for_each(|&value| bytes.extend_from_slice(&encode(value)));
            self.0.update(&bytes);
        }
        self
    }

    fn raw(&mut self, values: &[u8]) -> &mut Self {
        self.0.update(values);
        self
    }

    fn signs(&mut self, values: &[i8]) -> &mut Self {
        self.packed(values, i8::to_le_bytes)
    }

    fn ints(&mut self, values: &[i64]) -> &mut Self {
        self.packed(values, i64::to_le_bytes)
    }

    fn reals(&mut self, values: &[f64]) -> &mut Self {
        self.packed(values, |value| plain(value).to_le_bytes())
    }

    fn singles(&mut self, values: &[f32]) -> &mut Self {
        self.packed(values, |value| (value + 0.0).to_le_bytes())
    }

    fn nullable(&mut self, values: &[Option<f64>]) -> &mut Self {
        self.packed(values, |value| [u8::from(value.is_some())]);
        self.packed(values, |value| plain(value.unwrap_or(0.0)).to_le_bytes())
    }

    fn nullable_singles(&mut self, values: &[Option<f32>]) -> &mut Self {
        self.packed(values, |value| [u8::from(value.is_some())]);
        self.packed(values, |value| (value.unwrap_or(0.0) + 0.0).to_le_bytes())
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    fn texts(&mut self, text: &str, rows: usize) -> &mut Self {
        for _ in 0..rows {
            self.text(text);
        }
        self
    }
}

/// Adding 0.0 turns -0.0 into 0.0 and leaves everything else.
fn plain(value: f64) -> f64 {
    value + 0.0
}

/// A table with a canonical order of columns.
pub trait Table {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Writes a stretch of its rows, column by column.
    fn write(&self, rows: Range<usize>, to: &mut Writer<'_>);

    /// Adds row count and columns of a stretch to a hash.
    fn hash_into(&self, rows: Range<usize>, hasher: &mut Hasher) {
        hasher.update(&(rows.len() as u64).to_le_bytes());
        self.write(rows, &mut Writer(hasher));
    }
}

/// A table of one symbol: the column that is the same in every row.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a, T> {
    /// The symbol.
    pub symbol: &'a str,
    /// The other columns.
    pub table: &'a T,
}

impl Table for Of<'_, Fills> {
    fn rows(&self) -> usize {
        self.table.bar.len()
    }

    fn write(&self, rows: Range<usize>, to: &mut Writer<'_>) {
        let (fills, at) = (self.table, || rows.clone());
        to.ints(&fills.bar[at()])
            .ints(&fills.time[at()])
            .texts(self.symbol, rows.len())
            .ints(&fills.trade_id[at()])
            .signs(&fills.side[at()])
            .reals(&fills.quantity[at()])
            .reals(&fills.price[at()])
            .reals(&fills.reference_price[at()])
            .reals(&fills.commission[at()])
            .reals(&fills.slippage[at()])
            .reals(&fills.spread[at()])
            .raw(&fills.reason[at()]);
    }
}

impl Table for Of<'_, Trades> {
    fn rows(&self) -> usize {
        self.table.trade_id.len()
    }

    fn write(&self, rows: Range<usize>, to: &mut Writer<'_>) {
        let (trades, at) = (self.table, || rows.clone());
        to.ints(&trades.trade_id[at()])
            .texts(self.symbol, rows.len())
            .signs(&trades.direction[at()])
            .ints(&trades.entry_bar[at()])
            .ints(&trades.entry_time[at()])
            .reals(&trades.entry_price[at()])
            .ints(&trades.exit_bar[at()])
            .ints(&trades.exit_time[at()])
            .reals(&trades.exit_price[at()])
            .reals(&trades.quantity[at()])
            .reals(&trades.gross_pnl[at()])
            .reals(&trades.commission[at()])
            .reals(&trades.financing[at()])
            .reals(&trades.net_pnl[at()])
            .reals(&trades.slippage[at()])
            .reals(&trades.spread[at()])
            .reals(&trades.return_rate[at()])
            .ints(&trades.bars_held[at()])
            .reals(&trades.hours_held[at()])
            .reals(&trades.mfe[at()])
            .reals(&trades.mae[at()])
            .reals(&trades.mfe_rate[at()])
            .reals(&trades.mae_rate[at()])
            .singles(&trades.entry_confidence[at()])
            .nullable_singles(&trades.exit_confidence[at()])
            .nullable(&trades.stop_price[at()])
            .nullable(&trades.target_price[at()])
            .raw(&trades.exit_reason[at()]);
    }
}

impl Table for Refused {
    fn rows(&self) -> usize {
        self.bar.len()
    }

    fn write(&self, rows: Range<usize>, to: &mut Writer<'_>) {
        let at = || rows.clone();
        to.ints(&self.bar[at()])
            .ints(&self.time[at()])
            .signs(&self.side[at()])
            .nullable(&self.quantity[at()])
            .raw(&self.reason[at()]);
    }
}

impl Table for Decisions {
    fn rows(&self) -> usize {
        self.signal.len()
    }

    fn write(&self, rows: Range<usize>, to: &mut Writer<'_>) {
        let at = || rows.clone();
        to.signs(&self.signal[at()]).singles(&self.confidence[at()]).raw(&self.code[at()]);
    }
}

/// The stored curve; its stamps are the bars'.
impl Table for Vec<f64> {
    fn rows(&self) -> usize {
        self.len()
    }

    fn write(&self, rows: Range<usize>, to: &mut Writer<'_>) {
        to.reals(&self[rows]);
    }
}

impl Table for Bars<'_> {
    fn rows(&self) -> usize {
        self.len()
    }

    fn write(&self, rows: Range<usize>, to: &mut Writer<'_>) {
        to.ints(&self.timestamp[rows.clone()]);
        for column in [self.open, self.high, self.low, self.close] {
            to.reals(&column[rows.clone()]);
        }
        for extra in [self.half_spread, self.atr, self.conversion_rate] {
            to.raw(&[u8::from(extra.is_some())]);
            to.reals(extra.map_or(&[], |column| &column[rows.clone()]));
        }
    }
}

/// Signals and confidences; no confidence is 1 everywhere.
#[derive(Debug, Clone, Copy)]
pub struct Signals<'a> {
    /// `[n_bars, i8]`.
    pub signals: &'a [i8],
    /// `[n_bars, f32]`.
    pub confidence: Option<&'a [f32]>,
}

impl Signals<'_> {
    /// The first `rows` of them.
    #[must_use]
    pub fn first(&self, rows: usize) -> Self {
        Self { signals: &self.signals[..rows], confidence: self.confidence.map(|column| &column[..rows]) }
    }
}

impl Table for Signals<'_> {
    fn rows(&self) -> usize {
        self.signals.len()
    }

    fn write(&self, rows: Range<usize>, to: &mut Writer<'_>) {
        to.signs(&self.signals[rows.clone()]);
        match self.confidence {
            Some(column) => to.singles(&column[rows]),
            None => to.singles(&vec![1.0; rows.len()]),
        };
    }
}

/// Hash of a growing table: over full pages, each with the hash before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Chain {
    /// Rows in full pages.
    pub paged_rows: u64,
    /// Hash of the last full page.
    pub head: Hash,
}

impl Chain {
    /// Takes in the pages that have become full; `first_row` is the index of the table's row 0.
    pub fn advance(&mut self, table: &impl Table, first_row: u64) {
        let full = (first_row + table.rows() as u64) / PAGE_ROWS as u64 * PAGE_ROWS as u64;
        while self.paged_rows < full {
            let start = (self.paged_rows - first_row) as usize;
            self.head = self.page(table, start..start + PAGE_ROWS);
            self.paged_rows += PAGE_ROWS as u64;
        }
    }

    /// Hash of everything so far: of the open page with the hash of the last full one before it.
    #[must_use]
    pub fn tip(&self, table: &impl Table, first_row: u64) -> Hash {
        self.page(table, (self.paged_rows - first_row) as usize..table.rows())
    }

    fn page(&self, table: &impl Table, rows: Range<usize>) -> Hash {
        let mut hasher = Hasher::new();
        hasher.update(&self.head);
        table.hash_into(rows, &mut hasher);
        *hasher.finalize().as_bytes()
    }
}

/// How much of a ledger a result speaks of: a partial one must not change when the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Fills.
    pub fills: usize,
    /// Trades.
    pub trades: usize,
}

/// BLAKE3 over fills, trades, equity and metrics; `times` are the stamps of the equity points, metrics are
/// sorted by name.
#[must_use]
pub fn result(symbol: &str, ledger: &Ledger, extent: Extent, times: &[i64], metrics: &[(String, Option<f64>)]) -> Hash {
    let mut hasher = Hasher::new();
    hasher.update(b"ktrdr-result-1");
    Of { symbol, table: &ledger.fills }.hash_into(0..extent.fills, &mut hasher);
    Of { symbol, table: &ledger.trades }.hash_into(0..extent.trades, &mut hasher);
    hasher.update(&(times.len() as u64).to_le_bytes());
    Writer(&mut hasher).ints(times).reals(&ledger.equity[..times.len()]);
    hasher.update(&(metrics.len() as u64).to_le_bytes());
    for (name, value) in metrics {
        let mut to = Writer(&mut hasher);
        to.text(name).raw(&[u8::from(value.is_some())]).reals(&[value.unwrap_or(0.0)]);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Chain, PAGE_ROWS, Table};

    fn chained(values: &Vec<f64>, cuts: &[usize]) -> (Chain, super::Hash) {
        let mut chain = Chain::default();
        for &cut in cuts {
            chain.advance(&values[..cut].to_vec(), 0);
        }
        chain.advance(values, 0);
        (chain, chain.tip(values, 0))
    }

    #[test]
    fn a_chain_does_not_depend_on_when_it_was_asked() {
        let values: Vec<f64> = (0..2 * PAGE_ROWS + 7).map(|i| i as f64).collect();
        let whole = chained(&values, &[]);
        assert_eq!(chained(&values, &[1, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1]), whole);
        assert_eq!(whole.0.paged_rows, 2 * PAGE_ROWS as u64);
    }

    #[test]
    fn a_chain_continues_from_its_open_page_alone() {
        let values: Vec<f64> = (0..2 * PAGE_ROWS + 7).map(|i| i as f64).collect();
        let (whole, tip) = chained(&values, &[]);
        let mut tail = Chain::default();
        tail.advance(&values[..PAGE_ROWS + 5].to_vec(), 0);
        let rest = values[PAGE_ROWS..].to_vec();
        tail.advance(&rest, PAGE_ROWS as u64);
        assert_eq!((tail, tail.tip(&rest, PAGE_ROWS as u64)), (whole, tip));
    }

    #[test]
    fn every_value_and_the_order_count_but_not_the_sign_of_zero() {
        let tip = |values: &[f64]| Chain::default().tip(&values.to_vec(), 0);
        assert_ne!(tip(&[1.0, 2.0]), tip(&[2.0, 1.0]));
        assert_ne!(tip(&[1.0]), tip(&[1.0, 0.0]));
        assert_eq!(tip(&[0.0]), tip(&[-0.0]));
        assert_eq!(Vec::<f64>::new().rows(), 0);
    }
}

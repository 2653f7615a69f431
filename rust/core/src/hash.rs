//! Canonical hashes: over values, never over Arrow, Parquet or JSON bytes.

use blake3::Hasher;

use crate::bar::Bars;
use crate::ledger::{Fills, Ledger, Trades};
use crate::metrics::Metric;

/// Feeds one table's columns.
struct Columns<'h> {
    hasher: &'h mut Hasher,
    rows: usize,
}

impl Columns<'_> {
    fn begin(hasher: &mut Hasher, rows: usize) -> Columns<'_> {
        hasher.update(&(rows as u64).to_le_bytes());
        Columns { hasher, rows }
    }

    fn bytes(&mut self, values: &[i8]) -> &mut Self {
        for value in values {
            self.hasher.update(&value.to_le_bytes());
        }
        self
    }

    fn enums(&mut self, values: &[u8]) -> &mut Self {
        self.hasher.update(values);
        self
    }

    fn ints(&mut self, values: &[i64]) -> &mut Self {
        for value in values {
            self.hasher.update(&value.to_le_bytes());
        }
        self
    }

    fn reals(&mut self, values: &[f64]) -> &mut Self {
        for &value in values {
            self.hasher.update(&plain(value).to_le_bytes());
        }
        self
    }

    fn singles(&mut self, values: &[f32]) -> &mut Self {
        for &value in values {
            self.hasher.update(&(value + 0.0).to_le_bytes());
        }
        self
    }

    fn optional(&mut self, values: &[Option<f64>]) -> &mut Self {
        for value in values {
            self.hasher.update(&[u8::from(value.is_some())]);
        }
        for value in values {
            self.hasher
                .update(&plain(value.unwrap_or(0.0)).to_le_bytes());
        }
        self
    }

    fn optional_singles(&mut self, values: &[Option<f32>]) -> &mut Self {
        for value in values {
            self.hasher.update(&[u8::from(value.is_some())]);
        }
        let filled: Vec<f32> = values.iter().map(|value| value.unwrap_or(0.0)).collect();
        self.singles(&filled)
    }

    fn symbol(&mut self, symbol: &str) -> &mut Self {
        for _ in 0..self.rows {
            self.hasher.update(&(symbol.len() as u32).to_le_bytes());
            self.hasher.update(symbol.as_bytes());
        }
        self
    }
}

/// -0.0 is 0.0.
fn plain(value: f64) -> f64 {
    value + 0.0
}

/// BLAKE3 over fills, trades, equity and metrics; `times` are the stamps of the equity points.
#[must_use]
pub fn result(
    symbol: &str,
    ledger: &Ledger,
    times: &[i64],
    metrics: &[(&'static str, Metric)],
) -> [u8; 32] {
    let mut hasher = Hasher::new();
    hasher.update(b"ktrdr-result-1");
    fills(&mut hasher, symbol, &ledger.fills);
    trades(&mut hasher, symbol, &ledger.trades);
    Columns::begin(&mut hasher, times.len())
        .ints(times)
        .reals(&ledger.equity);
    hasher.update(&(metrics.len() as u64).to_le_bytes());
    for (name, value) in metrics {
        hasher.update(&(name.len() as u32).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&[u8::from(value.is_ok())]);
        hasher.update(&plain(value.unwrap_or(0.0)).to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

fn fills(hasher: &mut Hasher, symbol: &str, fills: &Fills) {
    Columns::begin(hasher, fills.bar.len())
        .ints(&fills.bar)
        .ints(&fills.time)
        .symbol(symbol)
        .ints(&fills.trade_id)
        .bytes(&fills.side)
        .reals(&fills.quantity)
        .reals(&fills.price)
        .reals(&fills.reference_price)
        .reals(&fills.commission)
        .reals(&fills.slippage)
        .reals(&fills.spread)
        .enums(&fills.reason);
}

fn trades(hasher: &mut Hasher, symbol: &str, trades: &Trades) {
    Columns::begin(hasher, trades.trade_id.len())
        .ints(&trades.trade_id)
        .symbol(symbol)
        .bytes(&trades.direction)
        .ints(&trades.entry_bar)
        .ints(&trades.entry_time)
        .reals(&trades.entry_price)
        .ints(&trades.exit_bar)
        .ints(&trades.exit_time)
        .reals(&trades.exit_price)
        .reals(&trades.quantity)
        .reals(&trades.gross_pnl)
        .reals(&trades.commission)
        .reals(&trades.financing)
        .reals(&trades.net_pnl)
        .reals(&trades.slippage)
        .reals(&trades.spread)
        .reals(&trades.return_rate)
        .ints(&trades.bars_held)
        .reals(&trades.hours_held)
        .reals(&trades.mfe)
        .reals(&trades.mae)
        .reals(&trades.mfe_rate)
        .reals(&trades.mae_rate)
        .singles(&trades.entry_confidence)
        .optional_singles(&trades.exit_confidence)
        .optional(&trades.stop_price)
        .optional(&trades.target_price)
        .enums(&trades.exit_reason);
}

/// BLAKE3 over the columns of rows that a run has used, with their signals and confidences.
#[must_use]
pub fn inputs(bars: &Bars<'_>, signals: &[i8], confidence: Option<&[f32]>) -> [u8; 32] {
    let mut hasher = Hasher::new();
    hasher.update(b"ktrdr-inputs-1");
    let mut columns = Columns::begin(&mut hasher, bars.len());
    columns
        .ints(bars.timestamp)
        .reals(bars.open)
        .reals(bars.high)
        .reals(bars.low)
        .reals(bars.close);
    for extra in [bars.half_spread, bars.atr, bars.conversion_rate] {
        columns
            .enums(&[u8::from(extra.is_some())])
            .reals(extra.unwrap_or_default());
    }
    columns
        .bytes(signals)
        .enums(&[u8::from(confidence.is_some())])
        .singles(confidence.unwrap_or_default());
    *hasher.finalize().as_bytes()
}

//! What statements run on: a connection of sqlx, or SQLite itself in the thread that asks.
//!
//! sqlx carries each statement for SQLite to a thread of the connection and its rows back, which costs more than most
//! statements do. Within a transaction that writes there is nobody else to be let in meanwhile, so its statements run
//! where they are asked for. Short reads do so too, without this type: see `readers`.

use super::Rows;
use super::direct::{Direct, Ran};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{Any, AnyConnection, Either, Error, Execute, Executor, SqlStr};
use std::future::ready;

/// A connection, most often within a transaction.
#[derive(Debug)]
pub(crate) enum Tx<'c> {
    Sqlx(&'c mut AnyConnection),
    Direct(&'c mut Direct),
}

impl<'c> From<&'c mut AnyConnection> for Tx<'c> {
    fn from(connection: &'c mut AnyConnection) -> Self {
        Tx::Sqlx(connection)
    }
}

/// What a statement of sqlx answers here: its rows up to the wanted ones, and how many it changed.
fn run<'q>(direct: &mut Direct, mut query: impl Execute<'q, Any>, rows: Rows) -> Result<Ran, Error> {
    let values = query.take_arguments().map_err(Error::Encode)?;
    direct.run(query.sql().as_str(), values.as_ref(), rows)
}

impl<'c> Executor<'c> for &'c mut Tx<'_> {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        match self {
            Tx::Sqlx(connection) => connection.fetch_many(query),
            Tx::Direct(direct) => match run(direct, query, Rows::All) {
                Ok((rows, changed)) => {
                    let rows = rows.into_iter().map(|row| Ok(Either::Right(row)));
                    stream::iter(rows.chain([Ok(Either::Left(changed))])).boxed()
                }
                Err(error) => stream::iter([Err(error)]).boxed(),
            },
        }
    }

    fn fetch_all<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Vec<AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        match self {
            Tx::Sqlx(connection) => connection.fetch_all(query),
            Tx::Direct(direct) => ready(run(direct, query, Rows::All).map(|(rows, _)| rows)).boxed(),
        }
    }

    fn execute<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<AnyQueryResult, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        match self {
            Tx::Sqlx(connection) => connection.execute(query),
            Tx::Direct(direct) => ready(run(direct, query, Rows::All).map(|(_, changed)| changed)).boxed(),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        match self {
            Tx::Sqlx(connection) => connection.fetch_optional(query),
            Tx::Direct(direct) => {
                let found = run(direct, query, Rows::First);
                ready(found.map(|(rows, _)| rows.into_iter().next())).boxed()
            }
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'c: 'e,
    {
        match self {
            Tx::Sqlx(connection) => connection.prepare_with(sql, parameters),
            Tx::Direct(_) => {
                let why = "statements are prepared when they run".to_owned();
                ready(Err(Error::Protocol(why))).boxed()
            }
        }
    }
}

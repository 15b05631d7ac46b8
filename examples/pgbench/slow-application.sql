-- Reads, computes for 2 ms while it keeps the connection, and writes.
\set aid random(1, 100000 * :scale)
BEGIN;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
\sleep 2 ms
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
END;

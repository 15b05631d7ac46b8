-- Moves an amount between two accounts. Both rows are locked in the order of their keys, so that
-- two transfers between the same accounts wait for each other instead of deadlocking.
\set one random(1, 100000 * :scale)
\set other random(1, 100000 * :scale)
\set first least(:one, :other)
\set second greatest(:one, :other)
\set amount random(1, 100)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance - :amount WHERE aid = :first;
UPDATE pgbench_accounts SET abalance = abalance + :amount WHERE aid = :second;
END;

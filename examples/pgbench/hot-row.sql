-- Counts in one row that everybody shares: each commit waits for the one before it.
\set amount random(-100, 100)
UPDATE pgbench_branches SET bbalance = bbalance + :amount WHERE bid = 1;

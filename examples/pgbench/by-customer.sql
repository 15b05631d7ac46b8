-- Reads accounts of one customer; every tenth customer is large and sums up more of them.
-- The number of customers is given by --define customers=40.
\set customer random(1, :customers)
\set from 1 + (:customer - 1) * (100000 * :scale / :customers)
\if :customer % 10 = 0
SELECT sum(abalance) FROM pgbench_accounts WHERE aid BETWEEN :from AND :from + 999;
\else
SELECT abalance FROM pgbench_accounts WHERE aid = :from;
\endif

-- All admins, in order, without reading the table: they are locked together before one of them may
-- be taken away.
CREATE INDEX users_admin_idx ON gatepost.users (id) WHERE admin;

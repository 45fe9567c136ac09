-- These make way for others, which init-db.sql adds. Older parts get those when they are merged.

-- For error_groups_by_hour, in which paths that differ in their ids alone are one path.
ALTER TABLE events DROP PROJECTION IF EXISTS errors_by_hour;

-- For names_by_hour and feature_users_by_ten_minutes, whose distinct counts are half as large.
ALTER TABLE events DROP PROJECTION IF EXISTS by_hour;
ALTER TABLE events DROP PROJECTION IF EXISTS features_by_ten_minutes;

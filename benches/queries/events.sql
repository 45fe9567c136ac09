-- Synthetic events, made by ClickHouse: the same number always makes the same events, but for their times. A number is an
-- action of a visitor. One in 98 starts a sign-up and brings its later steps, two on average.
WITH
    -- Two million sessions begin in a day, one after the other; an action belongs to one that began eight minutes earlier
    -- on average. A session keeps its user, country, device and plan.
    intHash64(number) AS chance,
    intHash64(number + 0x9E3779B97F4A7C15) AS chance_2,
    toInt64({first_ms:Int64} + number * {milliseconds_per_action:Float64}) AS begin_ms,
    toUInt64(1000000 + (begin_ms - {first_ms:Int64}) / 86400000 * 2000000
        + log((chance_2 % 65536 + 1) / 65536) * 11111) AS session,
    intHash64(session + 0xD1B54A32D192ED03) AS person,
    if(person % 10 < 7, concat('u-', toString(intDiv(person, 16) % 500000)), NULL) AS user,
    ['desktop', 'mobile', 'desktop', 'mobile', 'desktop', 'mobile', 'desktop', 'tablet', 'desktop', 'mobile', 'desktop', 'mobile',
        'desktop', 'mobile', 'desktop', 'mobile', 'desktop', 'desktop', 'desktop', 'other'][intDiv(person, 32) % 20 + 1] AS device,
    ['US', 'DE', 'GB', 'FR', 'IN', 'CA', 'BR', 'JP', 'NL', 'AU', 'ES', 'IT', 'PL', 'SE', 'MX', 'CH', 'KR', 'SG', 'AT', 'BE',
        'DK', 'NO', 'FI', 'PT', 'IE', 'CZ', 'ZA', 'AR', 'NZ', 'ZZ'][toUInt32(30 * pow(intDiv(person, 64) % 4096 / 4096, 3)) + 1] AS country,
    ['free', 'free', 'free', 'free', 'free', 'free', 'free', 'pro', 'pro', 'team'][intDiv(person, 128) % 10 + 1] AS plan,
    -- Pages, features, error messages and mail providers: some are much more frequent than others.
    intDiv(chance, 128) % 4096 / 4096 AS rank,
    concat(['/', '/projects/', '/dashboard', '/projects/', '/pricing', '/docs', '/settings', '/team', '/reports/',
        '/billing', '/integrations', '/changelog'][toUInt32(12 * pow(rank, 1.5)) + 1] AS page,
        if(endsWith(page, 's/'), toString(intDiv(person, 256) % 40000), '')) AS path,
    concat(',"path":"', path, '","plan":"', plan, '"}') AS rest,
    toUInt16(chance % 98) AS kind,
    multiIf(
        kind < 50, 'page_view',
        kind < 70, 'feature_used',
        kind < 72, 'error_occurred',
        kind < 73, 'signup_started',
        kind < 85, 'button_clicked',
        kind < 90, 'search_performed',
        kind < 94, 'api_called',
        kind < 96, 'session_started', 'session_ended') AS name,
    multiIf(
        kind < 50, concat('{"referrer":"', ['https://www.google.com/', '', 'https://app.example.com/', 'https://news.ycombinator.com/',
            'https://t.co/'][toUInt32(5 * rank) + 1], '","load_ms":', toString(80 + intDiv(chance, 4096) % 1500), rest),
        kind < 70, concat('{"feature":"', ['export', 'search', 'filters', 'dashboards', 'alerts', 'cohorts', 'funnels', 'sharing',
            'comments', 'api_keys', 'webhooks', 'templates', 'bulk_edit', 'history', 'import', 'tags', 'calendar', 'kanban',
            'gantt', 'reports', 'sso', 'audit_log', 'mentions', 'shortcuts', 'dark_mode', 'offline', 'mobile_push', 'roles',
            'automations', 'snapshots'][toUInt32(30 * pow(rank, 1.7)) + 1], '","duration_ms":', toString(intDiv(chance, 4096) % 3000), rest),
        kind < 72, concat('{"message":"', ['TypeError: Cannot read properties of undefined', 'Request timed out',
            'NetworkError when attempting to fetch resource', 'Payment was declined', 'Session expired', 'Internal server error',
            'Validation failed: name is too long', 'ChunkLoadError: Loading chunk 7 failed'][toUInt32(8 * pow(rank, 1.5)) + 1],
            '","status":', ['500', '404', '503', '0'][intDiv(chance, 4096) % 4 + 1], rest),
        kind < 73, concat('{"email_domain":"', ['gmail.com', 'outlook.com', 'yahoo.com', 'icloud.com', 'example.com', 'gmx.de',
            'proton.me', 'hey.com'][toUInt32(8 * pow(rank, 2)) + 1], '","source":"', ['search', 'direct', 'ad', 'friend'][intDiv(chance, 4096) % 4 + 1], '"', rest),
        concat('{"target":"', ['save', 'cancel', 'open', 'close', 'next', 'menu', 'submit', 'help'][toUInt32(8 * rank) + 1], '"', rest)) AS details,
    -- Of 100 starts, 92 are sent the mail, 67 verify it and 43 complete, within 24 minutes.
    intDiv(chance_2, 65536) % 100 AS luck,
    intDiv(chance_2, 6553600) % 1000 / 1000 AS pace,
    arrayJoin(arraySlice(
        [
            (name, 0),
            ('verification_email_sent', toInt64(500 + 4000 * pace)),
            ('email_verified', toInt64(20000 + 1200000 * pace * pace)),
            ('signup_completed', toInt64(30000 + 1400000 * pace * pace))
        ],
        1, multiIf(kind != 72 OR luck >= 92, 1, luck >= 67, 2, luck >= 43, 3, 4))) AS step,
    begin_ms + toInt64(intDiv(chance, 16777216) % 1000) + step.2 AS at_ms
SELECT
    step.1 AS event_name,
    fromUnixTimestamp64Milli(at_ms, 'UTC') AS timestamp,
    toDate(timestamp) AS date,
    toString(reinterpretAsUUID(sipHash128(session))) AS session_id,
    user AS user_id,
    device AS device_type,
    toFixedString(country, 2) AS country_code,
    details AS properties,
    -- Most clients send no id.
    if(person % 10 = 9, toString(reinterpretAsUUID(sipHash128(number, step.2))), '') AS event_id,
    fromUnixTimestamp64Milli(at_ms + 20 + toInt64(-300 * log((intDiv(chance_2, 1048576) % 65536 + 1) / 65536)), 'UTC') AS received_at,
    if(intDiv(person, 512) % 32 = 0, toInt64(intDiv(person, 1024) % 20000) - 10000, 0) AS clock_skew_ms
FROM numbers_mt({first_number:UInt64}, {numbers:UInt64})

import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { askActiveUsers } from "../panels/active-users/ask.ts";
import { askErrorRate } from "../panels/error-rate/ask.ts";
import { askSignupFunnel } from "../panels/signup-funnel/ask.ts";
import { TITLES } from "../panels/titles.ts";
import { askTopFeatures } from "../panels/top-features/ask.ts";
import type { Range } from "../range.ts";
import { type Light, light, type Signs, SLOW_AFTER_MS } from "./light.ts";

// The panels ask; the light only watches. Were it to poll as well, each question would be asked twice.
const WATCH_ONLY = { enabled: false, refetchInterval: false } as const;

const LOOKS: Record<Light["state"], { color: string; shape: string }> = {
  green: { color: "text-good", shape: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Z" },
  yellow: { color: "text-warn", shape: "M8 1 16 15H0Z" },
  red: { color: "text-bad", shape: "M1 1h14v14H1Z" },
};

export function StatusLight({ range }: { range: Range }) {
  const { state, words } = light([
    useSigns(TITLES.active_users, useQuery({ ...askActiveUsers(range), ...WATCH_ONLY })),
    useSigns(TITLES.signup_funnel, useQuery({ ...askSignupFunnel(range), ...WATCH_ONLY })),
    useSigns(TITLES.top_features, useQuery({ ...askTopFeatures(range), ...WATCH_ONLY })),
    useSigns(TITLES.error_rate, useQuery({ ...askErrorRate(range), ...WATCH_ONLY })),
  ]);
  const { color, shape } = LOOKS[state];
  return (
    <p
      role="status"
      data-state={state}
      title={words}
      className={`order-last flex min-w-0 basis-full items-center gap-1 text-body tablet:order-none tablet:basis-auto ${color}`}
    >
      <svg aria-hidden="true" viewBox="0 0 16 16" className="size-[0.8em] shrink-0 fill-current">
        <path d={shape} />
      </svg>
      <span className="tablet:truncate">{words}</span>
    </p>
  );
}

interface Watched {
  data: { took_ms: number } | undefined;
  failureReason: Error | null;
  isFetching: boolean;
}

function useSigns(title: string, { data, failureReason, isFetching }: Watched): Signs {
  return {
    title,
    answered: data !== undefined,
    failed: failureReason !== null,
    tookMs: data?.took_ms ?? 0,
    takingLong: useTakingLong(isFetching),
  };
}

/** Whether what is running has been for over two seconds, before it is known how long it will take. */
function useTakingLong(running: boolean): boolean {
  const [takingLong, setTakingLong] = useState(false);
  useEffect(() => {
    if (!running) {
      return;
    }
    const timer = setTimeout(() => setTakingLong(true), SLOW_AFTER_MS);
    return () => {
      clearTimeout(timer);
      setTakingLong(false);
    };
  }, [running]);
  return takingLong;
}

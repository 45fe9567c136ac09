import { useQuery } from "@tanstack/react-query";
import { useMarks } from "../../annotations/use-marks.ts";
import { BarsWithRate } from "../../charts/bars-with-rate.tsx";
import { type Compare, comparedWindow, comparedWith } from "../../compare.ts";
import type { Range } from "../../range.ts";
import { PanelFrame } from "../panel-frame.tsx";
import { TITLES } from "../titles.ts";
import { askSignupFunnel } from "./ask.ts";
import { bucketsTable, mapSignupFunnel, readBucket } from "./map.ts";

export function SignupFunnel({ range, compare = "none" }: { range: Range; compare?: Compare }) {
  const marks = useMarks(range);
  const query = useQuery(askSignupFunnel({ range }));
  const then = useQuery({
    ...askSignupFunnel(comparedWindow(range, compare)),
    enabled: compare !== "none",
  });
  const compared = query.data && comparedWith(query.data, then.data, compare);
  // The range of the answer, which for a moment is not yet the one just chosen.
  const picture = query.data && mapSignupFunnel(query.data, query.data.asked.range, compared);
  return (
    <PanelFrame
      name="signup-funnel"
      title={TITLES.signup_funnel}
      query={query}
      picture={picture}
      chartKey={[
        { mark: "whole", label: "started" },
        { mark: "part", label: "completed" },
        { mark: "rate", label: "rate" },
        { mark: "bars so far", label: "so far" },
        ...(compared ? [{ mark: "rate compared", label: compared.words } as const] : []),
      ]}
      sample={{ event_name: "signup_started" }}
      table={picture && bucketsTable(picture, marks)}
    >
      {picture && (
        <BarsWithRate
          label="Sign-ups started and completed, with the conversion rate"
          buckets={picture.buckets}
          readBucket={readBucket}
          marks={marks}
        />
      )}
    </PanelFrame>
  );
}

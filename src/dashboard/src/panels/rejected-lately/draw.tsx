import { useQuery } from "@tanstack/react-query";
import { PanelFrame } from "../panel-frame.tsx";
import { TITLES } from "../titles.ts";
import { askRejectedLately } from "./ask.ts";
import { mapRejectedLately } from "./map.ts";

export function RejectedLately() {
  const query = useQuery(askRejectedLately());
  const picture = query.data && mapRejectedLately(query.data);
  return (
    <PanelFrame
      name="rejected-lately"
      title={TITLES.rejected_lately}
      query={query}
      picture={picture}
      chartKey={[]}
      sample={{ event_name: "page_view", device_type: "watch" }}
      sampleWords="This one will be, for its device_type:"
      table={picture?.table}
      fitsContent
    />
  );
}

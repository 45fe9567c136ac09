import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Answers } from "../api/client.ts";
import { askPropertyKeys } from "./ask.ts";
import { editFunnel } from "./edit.ts";
import { EventPicker } from "./event-picker.tsx";
import { fieldOptions } from "./fields.ts";
import { type Funnel, STEPS_MAX, withMovedStep, withNewStep, withoutStep } from "./funnel.ts";
import { Settings } from "./settings.tsx";
import { StepRow } from "./step-row.tsx";

interface EditorProps {
  funnel: Funnel;
  seen: Answers["event_names"]["rows"];
}

/** The funnel in controls. Each change is at once in the page's URL, and so in the pictures. */
export function Editor({ funnel, seen }: EditorProps) {
  const { steps } = funnel;
  const [told, setTold] = useState("");
  const firstEvent = steps[0]?.event_name ?? "";
  const { data: keys } = useQuery({ ...askPropertyKeys(firstEvent), enabled: firstEvent !== "" });

  const move = (from: number, to: number) => {
    editFunnel((current) => withMovedStep(current, from, to));
    setTold(`${steps[from]?.event_name} is now step ${to + 1}`);
    // The focus goes along with the step.
    document.getElementById(`move-${to < from ? "up" : "down"}-${to}`)?.focus();
  };
  const remove = (index: number) => {
    editFunnel((current) => withoutStep(current, index));
    setTold(`${steps[index]?.event_name} was removed`);
    const next = Math.min(index, steps.length - 2);
    document.getElementById(next < 0 ? "new-step" : `remove-${next}`)?.focus();
  };

  return (
    <div className="flex flex-col gap-1.5">
      <ol aria-label="Steps" className="flex flex-col gap-0.5">
        {steps.map((step, index) => (
          <StepRow
            // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place, and one event may be two steps.
            key={index}
            index={index}
            step={step}
            isLast={index === steps.length - 1}
            seen={seen}
            onMove={(to) => move(index, to)}
            onRemove={() => remove(index)}
          />
        ))}
        {steps.length < STEPS_MAX && (
          <li className="flex items-center">
            <span aria-hidden="true" className="w-[1.4em] shrink-0 text-body text-quiet">
              {steps.length + 1}
            </span>
            <EventPicker
              id="new-step"
              label={`Add step ${steps.length + 1}`}
              value=""
              seen={seen}
              placeholder={steps.length === 0 ? "First event" : "Then …"}
              onPick={(name) => editFunnel((current) => withNewStep(current, name))}
            />
          </li>
        )}
      </ol>
      <p aria-live="polite" className="sr-only">
        {told}
      </p>
      <Settings funnel={funnel} fields={fieldOptions(keys)} />
    </div>
  );
}

import { Fragment } from "react";

/** A name that may break after an underscore or a dot, and within a word only where it must. */
export function BreakableName({ name }: { name: string }) {
  return (
    <bdi dir="auto" title={name} className="wrap-break-word">
      {name.split(/(?<=[_.])/).map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a part is its place.
        <Fragment key={index}>
          {part}
          <wbr />
        </Fragment>
      ))}
    </bdi>
  );
}

import { type ReactNode, useLayoutEffect, useRef, useState } from "react";

/** The room a chart has, in px. `em` is the size of the text around it. */
export interface Room {
  width: number;
  height: number;
  em: number;
}

/** The small text size, in em of the body text: --text-small. */
export const SMALL_EM = 0.857;

/** Draws only once the room is known, so that no chart is ever laid out in zero pixels. */
export function Measured({
  label,
  children,
}: {
  label: string;
  children: (room: Room) => ReactNode;
}) {
  const box = useRef<HTMLElement>(null);
  const [room, setRoom] = useState<Room | null>(null);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    const measure = () => {
      const { clientWidth: width, clientHeight: height } = element;
      const em = Number.parseFloat(getComputedStyle(element).fontSize);
      setRoom(width > 0 && height > 0 ? { width, height, em } : null);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  return (
    <figure ref={box} aria-label={label} className="relative h-full min-h-0 w-full min-w-0">
      {/* Out of the flow: the chart must never hold open the box it is measured from. */}
      <div className="absolute inset-0">{room !== null && children(room)}</div>
    </figure>
  );
}

import { useEffect, useRef } from "react";

interface ConfirmDialogProps {
  question: string;
  /** The word on the button that does it. */
  act: string;
  onConfirm: () => void;
  onCancel: () => void;
}

/** The browser's own dialog: it holds the focus and gives it back, and Escape cancels. */
export function ConfirmDialog({ question, act, onConfirm, onCancel }: ConfirmDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  const button =
    "touch-target cursor-pointer rounded border border-line bg-panel px-1.5 py-0.5 text-body text-strong hover:border-quiet";
  return (
    <dialog
      ref={dialog}
      aria-label={question}
      onCancel={onCancel}
      className="m-auto max-w-[90vw] rounded border border-line bg-raised p-2 text-body text-strong backdrop:bg-ground/70"
    >
      <p className="pb-1.5 wrap-anywhere">{question}</p>
      <div className="flex justify-end gap-1">
        <button type="button" onClick={onCancel} className={button}>
          Cancel
        </button>
        <button type="button" onClick={onConfirm} className={button}>
          {act}
        </button>
      </div>
    </dialog>
  );
}

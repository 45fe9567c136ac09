interface IconButtonProps {
  id?: string;
  label: string;
  icon: string;
  /** It stays reachable, so that a focus is not lost. */
  disabled?: boolean;
  onClick: () => void;
}

export function IconButton({ id, label, icon, disabled = false, onClick }: IconButtonProps) {
  return (
    <button
      {...(id !== undefined && { id })}
      type="button"
      aria-label={label}
      title={label}
      aria-disabled={disabled}
      onClick={() => !disabled && onClick()}
      className="touch-target shrink-0 cursor-pointer rounded px-0.5 py-px text-body text-quiet hover:bg-raised hover:text-strong aria-disabled:cursor-default aria-disabled:opacity-40"
    >
      <span aria-hidden="true">{icon}</span>
    </button>
  );
}

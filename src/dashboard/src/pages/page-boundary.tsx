import { Component, type ReactNode } from "react";

interface PageBoundaryProps {
  children: ReactNode;
  /** Where nobody is near to press a button: tries again by itself whenever this is another. */
  tryAgainWith?: number;
}

/** A page that cannot be loaded or drawn takes neither the header nor the other pages with it. */
export class PageBoundary extends Component<PageBoundaryProps, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override componentDidUpdate({ tryAgainWith }: PageBoundaryProps) {
    if (this.state.failed && tryAgainWith !== this.props.tryAgainWith) {
      this.setState({ failed: false });
    }
  }

  override render() {
    if (!this.state.failed) {
      return this.props.children;
    }
    return (
      <div role="alert" className="m-auto flex flex-col items-center gap-2 text-body">
        <p className="text-plain">
          This page could not be opened. Weir may be stopped, or of another version by now.
        </p>
        <button
          type="button"
          onClick={() => window.location.reload()}
          className="touch-target cursor-pointer rounded border border-line bg-raised px-2 py-0.5 text-strong hover:border-quiet"
        >
          Load it again
        </button>
      </div>
    );
  }
}

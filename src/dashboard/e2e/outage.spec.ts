import { expect } from "@playwright/test";
import { visit } from "./traffic.ts";
import { test } from "./weir.ts";

test("a_stopped_server_turns_the_light_red_and_keeps_the_picture", async ({ page, weir }) => {
  await weir.send([...visit(1), ...visit(3)]);
  await page.goto(weir.dashboardUrl);
  const light = page.getByRole("status");
  const users = page.getByTestId("active-users-value");
  await expect(users).toHaveText("2");
  await expect(light).toHaveAttribute("data-state", "green");
  await expect(light).toHaveText("Live");

  await weir.stop();
  await expect(light).toHaveAttribute("data-state", "red");
  await expect(light).toHaveText("Unreachable: all panels");
  await expect(users).toHaveText("2");
  await expect(page.getByTestId("panel-state")).toHaveText(
    Array.from({ length: 4 }, () => /No answer since \d\d:\d\d:\d\d: /),
  );
  await expect(page.locator(".recharts-surface").first()).toBeVisible();

  await weir.start();
  await expect(light).toHaveAttribute("data-state", "green");
  await expect(light).toHaveText("Live");
  await expect(page.getByText("No answer since")).toHaveCount(0);
});

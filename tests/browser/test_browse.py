"""A reader's way: the periodic table, facets, a spectrum, an overlay, a file."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect


def test_pick_filter_open_overlay_download(quiet: Page, live_server: Any, library: Any) -> None:
    page = quiet
    page.goto(live_server.url)
    page.click('a.cell[data-el="Ni"]')
    expect(page.locator("#count")).to_have_text("3 spectra")

    page.select_option("[name=edge]", "L23")
    page.wait_for_url("**edge=L23**")
    page.check('[name=kind][value="theory"]')
    page.wait_for_url("**kind=theory**")
    expect(page.locator("#count")).to_have_text("2 spectra")
    expect(page.locator(".chip")).to_have_count(3)
    page.go_back()
    expect(page.locator("#count")).to_have_text("3 spectra")
    page.go_forward()
    expect(page.locator("#count")).to_have_text("2 spectra")

    pk = library["nio"].pk
    page.click(f'a.name[href="/spectra/{pk}/"]')
    expect(page.locator("h1")).to_contain_text("NiO")
    expect(page.locator("#plot.drawn .main-svg").first).to_be_visible()
    expect(page.locator("#peaks tbody tr")).to_have_count(3)

    page.select_option("#overlay", str(library["nio2"].pk))
    page.wait_for_url("**overlay=**")
    expect(page.locator("#plot .key")).to_contain_text(f"SDB-{library['nio2'].pk}")
    expect(page.locator("#plot.drawn .main-svg").first).to_be_visible()

    with page.expect_download() as waiting:
        page.click("a.btn.primary[download]")
    path = waiting.value.path()
    assert waiting.value.suggested_filename == f"SDB-{pk}.csv"
    assert len(path.read_text().splitlines()) > 800


def test_keys_move_select_and_compare(quiet: Page, live_server: Any, library: Any) -> None:
    page = quiet
    page.goto(f"{live_server.url}/spectra/?absorber=Ni")
    expect(page.locator("#selection")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#selection")).to_contain_text("2 selected")
    page.keyboard.press("k")
    page.keyboard.press("c")
    page.wait_for_url("**/compare/?ids=*")
    expect(page.locator(".cmp-row")).to_have_count(2)

    page.goto(f"{live_server.url}/spectra/?absorber=Ni")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("/")
    expect(page.locator("#find")).not_to_be_focused()


def test_periodic_table_by_arrow_keys(quiet: Page, live_server: Any, library: Any) -> None:
    page = quiet
    page.goto(live_server.url)
    page.focus('a.cell[data-el="Ni"]')
    page.keyboard.press("ArrowRight")
    expect(page.locator('a.cell[data-el="Cu"]')).to_be_focused()
    expect(page.locator('[data-slot="name"]')).to_have_text("Copper")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("1 spectrum")


def test_edge_and_kind_recolour_the_table(quiet: Page, live_server: Any, library: Any) -> None:
    page = quiet
    page.goto(live_server.url)
    page.check('#pt-form [name=kind][value="experiment"]', force=True)
    expect(page.locator('a.cell[data-el="Ni"] .n')).to_have_text("1")
    expect(page.locator('a.cell[data-el="Mn"] .n')).to_have_text("")


def test_compare_shifts_by_arrow_key_and_keeps_it_in_the_address(
    quiet: Page, live_server: Any, library: Any
) -> None:
    page = quiet
    ids = [library["nio"].pk, library["measured"].pk]
    page.goto(f"{live_server.url}/compare/?ids={ids[0]},{ids[1]}")
    expect(page.locator("#plot.drawn")).to_be_visible()
    field = page.locator(f'[name="s{ids[1]}"]')
    field.focus()
    field.press("Shift+ArrowDown")
    page.wait_for_url(f"**s{ids[1]}=-1.0**")
    expect(page.locator(".simil tbody tr")).to_have_count(2)
    expect(page.locator("#plot .annotation-text").filter(has_text="−1.0 eV")).to_be_visible()


def test_structure_page_turns_a_cell_and_names_its_sites(
    quiet: Page, live_server: Any, library: Any
) -> None:
    page = quiet
    page.goto(f"{live_server.url}/structures/{library['nio'].structure_id}/")
    expect(page.locator("#sites tbody tr")).to_have_count(1)
    expect(page.locator("#plot.drawn")).to_be_visible()
    expect(page.locator("#viewer canvas").first).to_be_visible()
    page.check('[name=view3d][value="poly"]', force=True)
    page.hover("#sites tbody tr")


def test_multiplet_redraws_when_a_slider_moves(quiet: Page, live_server: Any) -> None:
    page = quiet
    page.goto(f"{live_server.url}/multiplet/?ion=Ni2")
    expect(page.locator("#plot.drawn")).to_be_visible()
    before = page.locator("#mp-side").inner_html()
    page.locator('[data-pair="ten_dq"]').fill("2")
    expect(page.locator("#n-ten_dq")).to_have_value("2")
    page.wait_for_url("**ten_dq=2**", timeout=60_000)
    expect(page.locator("#plot.stale")).to_have_count(0)
    assert page.locator("#mp-side").inner_html() != before
    page.click("#pin")
    page.fill("#n-ten_dq", "1.2")
    page.wait_for_url("**ten_dq=1.2**", timeout=60_000)
    assert page.evaluate("document.querySelector('#plot .live').data.length") >= 3


def test_spectrum_without_scripts(browser: Any, live_server: Any, library: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_server.url}/spectra/?absorber=Ni")
    page.check('[name=kind][value="experiment"]')
    page.click("#facets button.primary")
    expect(page.locator("#count")).to_have_text("1 spectrum")
    page.goto(f"{live_server.url}/spectra/{library['nio'].pk}/")
    expect(page.locator("#plot .first .c.k-s1").first).to_be_visible()
    page.click("text=Show the data as a table")
    expect(page.locator("#data-table tbody tr").nth(100)).to_be_attached()
    context.close()

"""Names of the elements and their places in the periodic table."""

from __future__ import annotations

from dataclasses import dataclass

_NAMES = (
    "H Hydrogen,He Helium,Li Lithium,Be Beryllium,B Boron,C Carbon,N Nitrogen,O Oxygen,F Fluorine,"
    "Ne Neon,Na Sodium,Mg Magnesium,Al Aluminium,Si Silicon,P Phosphorus,S Sulfur,Cl Chlorine,"
    "Ar Argon,K Potassium,Ca Calcium,Sc Scandium,Ti Titanium,V Vanadium,Cr Chromium,Mn Manganese,"
    "Fe Iron,Co Cobalt,Ni Nickel,Cu Copper,Zn Zinc,Ga Gallium,Ge Germanium,As Arsenic,Se Selenium,"
    "Br Bromine,Kr Krypton,Rb Rubidium,Sr Strontium,Y Yttrium,Zr Zirconium,Nb Niobium,"
    "Mo Molybdenum,Tc Technetium,Ru Ruthenium,Rh Rhodium,Pd Palladium,Ag Silver,Cd Cadmium,"
    "In Indium,Sn Tin,Sb Antimony,Te Tellurium,I Iodine,Xe Xenon,Cs Caesium,Ba Barium,La Lanthanum,"
    "Ce Cerium,Pr Praseodymium,Nd Neodymium,Pm Promethium,Sm Samarium,Eu Europium,Gd Gadolinium,"
    "Tb Terbium,Dy Dysprosium,Ho Holmium,Er Erbium,Tm Thulium,Yb Ytterbium,Lu Lutetium,Hf Hafnium,"
    "Ta Tantalum,W Tungsten,Re Rhenium,Os Osmium,Ir Iridium,Pt Platinum,Au Gold,Hg Mercury,"
    "Tl Thallium,Pb Lead,Bi Bismuth,Po Polonium,At Astatine,Rn Radon,Fr Francium,Ra Radium,"
    "Ac Actinium,Th Thorium,Pa Protactinium,U Uranium,Np Neptunium,Pu Plutonium,Am Americium,"
    "Cm Curium,Bk Berkelium,Cf Californium,Es Einsteinium,Fm Fermium,Md Mendelevium,No Nobelium,"
    "Lr Lawrencium,Rf Rutherfordium,Db Dubnium,Sg Seaborgium,Bh Bohrium,Hs Hassium,Mt Meitnerium,"
    "Ds Darmstadtium,Rg Roentgenium,Cn Copernicium,Nh Nihonium,Fl Flerovium,Mc Moscovium,"
    "Lv Livermorium,Ts Tennessine,Og Oganesson"
)
_PERIOD_STARTS = (1, 3, 11, 19, 37, 55, 87)


@dataclass(frozen=True)
class Element:
    """One element; ``row`` and ``column`` count from 1, the f block is rows 9 and 10."""

    z: int
    symbol: str
    name: str
    row: int
    column: int


def _place(z: int) -> tuple[int, int]:
    if 57 <= z <= 71:
        return 9, z - 57 + 4
    if 89 <= z <= 103:
        return 10, z - 89 + 4
    period = sum(z >= start for start in _PERIOD_STARTS)
    step = z - _PERIOD_STARTS[period - 1]
    length = (2, 8, 8, 18, 18, 32, 32)[period - 1]
    left = 1 if period == 1 else 2
    if step < left:
        return period, step + 1
    return period, 18 - (length - 1 - step)


ELEMENTS: tuple[Element, ...] = tuple(
    Element(z, entry.split(" ")[0], entry.split(" ")[1], *_place(z))
    for z, entry in enumerate(_NAMES.split(","), 1)
)
BY_SYMBOL: dict[str, Element] = {element.symbol: element for element in ELEMENTS}


def grid() -> list[list[Element | None]]:
    """The table as rows of 18 cells; row 8 is the empty one above the f block."""
    rows: list[list[Element | None]] = [[None] * 18 for _ in range(10)]
    for element in ELEMENTS:
        rows[element.row - 1][element.column - 1] = element
    return rows
